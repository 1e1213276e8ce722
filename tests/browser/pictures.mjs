// The dashboard of a busy server as a desk and a phone show it, in pictures.
//
//   node pictures.mjs MODULES CHROMIUM WISHES_JSON
//
// WISHES: {origin, token, pictures, seconds}: so long it is watched before.
import {join} from 'node:path';
import {setTimeout as pause} from 'node:timers/promises';

import {launch} from './chromium.mjs';

const [modules, executablePath, wishesJson] = process.argv.slice(2);
const wishes = JSON.parse(wishesJson);
const browser = await launch(modules, executablePath);
try {
  const open = async (viewport, deviceScaleFactor) => {
    const page = await (await browser.newContext({viewport, deviceScaleFactor})).newPage();
    await page.goto(`${wishes.origin}/#token=${encodeURIComponent(wishes.token)}`);
    return page;
  };
  const desk = await open({width: 1400, height: 1700}, 1);
  const phone = await open({width: 390, height: 844}, 2);
  await pause(wishes.seconds * 1000);
  for (const [page, name] of [[desk, 'dashboard'], [phone, 'dashboard-phone']]) {
    await page.bringToFront();
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({colorScheme});
      await pause(1500);
      const path = join(wishes.pictures, `${name}-${colorScheme}.png`);
      await page.screenshot({path});
    }
  }
} finally {
  await browser.close();
}
