// SPDX-License-Identifier: Apache-2.0
// shot.mjs DIRECTORY: a picture (PNG) beside each page of HTML in it. CHROMIUM names the browser, PLAYWRIGHT the module.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const { chromium } = await import(process.env.PLAYWRIGHT ?? 'playwright-core');
const directory = process.argv[2];
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox'] });
try {
  const page = await browser.newPage();
  page.on('pageerror', (error) => { throw error; });
  for (const name of readdirSync(directory).filter((one) => one.endsWith('.html'))) {
    await page.goto(pathToFileURL(join(directory, name)).href);
    const box = await page.locator('body').boundingBox();
    await page.setViewportSize({ width: Math.ceil(box.width), height: Math.ceil(box.height) });
    await page.screenshot({ path: join(directory, name.replace('.html', '.png')) });
  }
} finally {
  await browser.close();
}
