// Debian's Chromium opens the dashboard and its test page, watches a relayed call, and ends it.
//
//   node dashboard.mjs MODULES CHROMIUM WISHES_JSON
//
// WISHES: {origin, token, user, pictures}. Prints one JSON object: what was seen. Ends with status 1
// when something was not there, with 77 when Chromium cannot be started.
import {join} from 'node:path';
import {setTimeout as pause} from 'node:timers/promises';

import {launch} from './chromium.mjs';

const [modules, executablePath, wishesJson] = process.argv.slice(2);
const wishes = JSON.parse(wishesJson);
const skipped = 77;
const seen = {strangers: [], problems: [], overflow: {}};
const desk = {width: 1400, height: 900};
const phone = {width: 390, height: 844};

let browser;
try {
  browser = await launch(modules, executablePath, '--disable-background-timer-throttling',
    '--disable-renderer-backgrounding', '--disable-backgrounding-occluded-windows');
  const context = await browser.newContext({viewport: desk, colorScheme: 'light'});
  const board = await openPage(context, '/');
  await logIn(board);
  await board.locator('#state', {hasText: /^serving$/}).waitFor();
  seen.idle = await board.locator('#tiles').innerText();
  seen.contrast = [...await contrasts(board, 'light'), ...await contrasts(board, 'dark')];
  seen.firstFocus = await firstFocus(board);

  const test = await openPage(context, `/test?seconds=120#token=${encodeURIComponent(wishes.token)}`);
  seen.address = test.url();
  await test.locator('#start:enabled').waitFor();
  await test.click('#other summary');
  await test.fill('#username', wishes.user);
  await test.fill('#credential', 'wrong');
  await runTest(test);
  seen.wrong = await test.locator('#results tbody').innerText();

  // A call: credentials of the server's own, until somebody ends it.
  await test.fill('#username', '');
  await test.click('#start');
  await test.locator('#bitrate', {hasText: 'bit/s'}).waitFor();
  await board.bringToFront();
  await until(board, () => document.querySelectorAll('#sessions tbody button').length === 2);
  await until(board, () => /[1-9][\d.]* [kM]bit\/s/.test(document.querySelector('#tiles').innerText));
  await until(board, () => document.querySelectorAll('#users tbody tr').length > 0 &&
    /dashboard-test/.test(document.querySelector('#users').innerText));
  await until(board, () => /[1-9][\d.]* [kM]bit\/s/.test(document.querySelector('#sessions').innerText));
  seen.busy = await board.locator('#tiles').innerText();
  seen.sessions = await board.locator('#sessions tbody').innerText();
  seen.funnel = await board.locator('#funnel').innerText();
  seen.charts = await board.locator('.chart').evaluateAll((all) => all.map((chart) => chart.getAttribute('aria-label')));
  await pictures(board, 'dashboard');

  await board.locator('#sessions tbody button').first().click();
  await board.screenshot({path: join(wishes.pictures, 'dashboard-kick.png')});
  await board.getByRole('button', {name: 'End it'}).click();
  await board.getByText('The session was ended.').waitFor();
  await test.bringToFront();
  await test.locator('#start:enabled').waitFor();
  seen.ended = await test.locator('#results tbody').innerText();

  const again = await openPage(context, `/test?seconds=3#token=${encodeURIComponent(wishes.token)}`);
  await again.locator('#start:enabled').waitFor();
  await runTest(again);
  seen.good = await again.locator('#results tbody').innerText();
  seen.verdict = await again.locator('#verdict').innerText();
  seen.path = await again.locator('#path').innerText();
  seen.rtt = await again.locator('#rtt').innerText();
  await pictures(again, 'test-page');
  console.log(JSON.stringify(seen));
} catch (error) {
  console.error(error, JSON.stringify(seen));
  process.exitCode = error.cannotStart ? skipped : 1;
} finally {
  await browser?.close();
}

async function openPage(context, path) {
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  page.on('pageerror', (error) => seen.problems.push(String(error)));
  page.on('console', (message) => {
    // The refused token is told there too.
    if (message.type() === 'error' && !message.text().includes('401')) seen.problems.push(message.text());
  });
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(wishes.origin) && !url.startsWith('data:')) seen.strangers.push(url);
  });
  await page.goto(wishes.origin + path);
  return page;
}

// Playwright's own way has the page evaluate a text, which its policy forbids.
async function until(page, isSo) {
  for (const began = Date.now(); Date.now() - began < 60_000; await pause(100)) {
    if (await page.evaluate(isSo)) return;
  }
  throw new Error(`not within a minute: ${isSo}`);
}

async function logIn(page) {
  await page.fill('#token', 'not the token, but long enough');
  await page.click('#login-form button');
  await page.getByText('That is not the token.').waitFor();
  await page.fill('#token', wishes.token);
  await page.click('#login-form button');
}

async function runTest(page) {
  await page.click('#start');
  await page.locator('#start:enabled').waitFor();
}

// Light, dark, and as a phone shows it.
async function pictures(page, name) {
  for (const scheme of ['light', 'dark']) {
    await page.emulateMedia({colorScheme: scheme});
    await page.screenshot({path: join(wishes.pictures, `${name}-${scheme}.png`), fullPage: true});
  }
  await page.setViewportSize(phone);
  await until(page, () => [...document.querySelectorAll('.chart canvas')].every((canvas) => canvas.clientWidth <= 390));
  await page.screenshot({path: join(wishes.pictures, `${name}-phone.png`), fullPage: true});
  seen.overflow[name] = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  await page.setViewportSize(desk);
  await page.emulateMedia({colorScheme: 'light'});
}

// WCAG 2.1, 1.4.3: texts against what they stand on.
async function contrasts(page, scheme) {
  await page.emulateMedia({colorScheme: scheme});
  return page.evaluate((theme) => {
    const style = getComputedStyle(document.documentElement);
    const luminance = (name) => {
      const hex = style.getPropertyValue(name).trim().replace(/^#(.)(.)(.)$/, '#$1$1$2$2$3$3');
      const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255)
        .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    return ['--text', '--quiet', '--good', '--bad', '--warn', '--accent'].flatMap((text) => ['--card', '--bg'].map((ground) => {
      const [low, high] = [luminance(text), luminance(ground)].sort((a, b) => a - b);
      return [`${theme} ${text} on ${ground}`, (high + 0.05) / (low + 0.05)];
    }));
  }, scheme);
}

async function firstFocus(page) {
  await page.emulateMedia({colorScheme: 'light'});
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press('Tab');
  return page.evaluate(() => {
    const focused = document.activeElement;
    focused.blur();
    return focused.textContent;
  });
}
