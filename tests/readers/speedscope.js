// SPDX-License-Identifier: Apache-2.0
// node speedscope.js MODULES FILE...: open each file in speedscope, in a headless Chromium, and print what it shows as
// JSON: the title, the profiles in it, and the rows of the "sandwich" table. Nothing leaves this process: both the page
// and the files are answered from disk.
'use strict';
const fs = require('fs');
const path = require('path');
const [modules, ...files] = process.argv.slice(2);
const { chromium } = require(path.join(modules, 'playwright-core'));
const release = path.join(modules, 'speedscope', 'dist', 'release');
const origin = 'http://speedscope.test/';
const patience = { timeout: 120000 };
const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json' };

async function answer(route) {
  const name = decodeURIComponent(new URL(route.request().url()).pathname.slice(1)) || 'index.html';
  const file = files.find((one) => path.basename(one) === name) || path.join(release, path.basename(name));
  if (!fs.existsSync(file)) return route.fulfill({ status: 404, body: 'no such file' });
  const contentType = types[path.extname(file)] || 'application/octet-stream';
  return route.fulfill({ status: 200, contentType, body: fs.readFileSync(file) });
}

async function show(browser, file) {
  const name = path.basename(file);
  const page = await browser.newPage({ viewport: { width: 1400, height: 4000 } });
  const errors = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('dialog', (dialog) => { errors.push(dialog.message()); dialog.dismiss(); });
  await page.route('**/*', answer);
  await page.goto(`${origin}index.html#profileURL=${encodeURIComponent(origin + name)}`, patience);
  await page.waitForFunction(() => document.title.includes(' - speedscope'), null, patience);
  const title = await page.title();
  await page.keyboard.press('3');
  await page.waitForSelector('tr', patience);
  const rows = await page.$$eval('tr', (all) => all.map((row) => row.innerText.trim().split(/\s*[\n\t]\s*/)));
  const toolbar = await page.evaluate(() => document.body.innerText.split('\n').slice(0, 30));
  await page.close();
  return { name, title, errors, rows, toolbar };
}

(async () => {
  const executablePath = process.env.CHROMIUM || '/usr/bin/chromium';
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  const shown = [];
  for (const file of files) shown.push(await show(browser, file));
  await browser.close();
  console.log(JSON.stringify(shown));
})().catch((error) => { console.error(String(error)); process.exit(1); });
