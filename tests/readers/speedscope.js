// SPDX-License-Identifier: Apache-2.0
// node speedscope.js MODULES FILE...: open each file in speedscope, in a headless Chromium, and print what it shows as
// JSON: the title, the profiles in it where there are several, and the rows of the "sandwich" table of the first.
// Nothing leaves this process: both the page and the files are answered from disk.
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
  await page.waitForSelector('td', { ...patience, state: 'attached' });
  const cells = await page.$$eval('td:nth-child(3)', (all) => all.map((cell) =>
    Array.from(cell.parentElement.children, (one) => one.innerText.trim())));
  await page.close();
  const rows = cells.filter((row) => row[0].includes('%'))
    .map(([total, self, frame]) => ({ total, self, frame }));
  const profiles = cells.filter((row) => !row[0].includes('%')).map((row) => row[1]);
  return { name, title, errors, rows, profiles };
}

(async () => {
  const executablePath = process.env.CHROMIUM || '/usr/bin/chromium';
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  const shown = [];
  for (const file of files) shown.push(await show(browser, file));
  await browser.close();
  console.log(JSON.stringify(shown));
})().catch((error) => { console.error(String(error)); process.exit(1); });
