// Two of Debian's Chromiums, each its own browser, call each other through the server under test.
//
//   node call.mjs MODULES CHROMIUM ICE_SERVERS_JSON
//
// Instead of a list of servers, {"url": …, "key": …}: each page asks that credential service.
// This script carries the descriptions from one to the other. Prints one JSON object: what both
// measured. Ends with status 1 when the call failed, with 77 when Chromium cannot be started.
import {createServer} from 'node:http';
import {readFile} from 'node:fs/promises';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {setTimeout as pause} from 'node:timers/promises';

import {launch} from './chromium.mjs';

const [modules, executablePath, iceServersJson] = process.argv.slice(2);
const iceServers = JSON.parse(iceServersJson);

const callSeconds = 10;
const fileSize = 10 * 1024 * 1024;
const skipped = 77;

const here = dirname(fileURLToPath(import.meta.url));
const pages = {'/call.html': 'text/html', '/call.js': 'text/javascript'};
const web = createServer(async (request, response) => {
  const type = pages[request.url];
  if (!type) return response.writeHead(404).end();
  response.writeHead(200, {'Content-Type': type}).end(await readFile(join(here, request.url)));
});
await new Promise((resolve) => web.listen(0, '127.0.0.1', resolve));
const origin = `http://127.0.0.1:${web.address().port}`;

const browsers = [];
try {
  for (let side = 0; side < 2; ++side) {
    browsers.push(await launch(modules, executablePath, '--use-fake-device-for-media-stream',
      '--use-fake-ui-for-media-stream'));
  }
  const [caller, callee] = await Promise.all(browsers.map(openPage));
  await callee.evaluate((offer) => answer(offer), await caller.evaluate(() => offer()))
    .then((description) => caller.evaluate((answer) => accept(answer), description));
  await Promise.all([caller, callee].map((page) => page.evaluate(() => connected())));
  const before = await measure(caller, callee);
  await pause(callSeconds * 1000);  // the call itself
  const after = await measure(caller, callee);
  const files = [await move(caller, callee), await move(callee, caller)];
  const end = await measure(caller, callee);
  console.log(JSON.stringify({before, after, end, files}));
} catch (error) {
  console.error(error);
  process.exitCode = error.cannotStart ? skipped : 1;
} finally {
  await Promise.all(browsers.map((browser) => browser.close()));
  web.close();
}

async function openPage(browser) {
  const context = await browser.newContext({permissions: ['camera', 'microphone']});
  const page = await context.newPage();
  page.on('pageerror', (error) => console.error(error));
  page.setDefaultTimeout(60_000);
  await page.goto(`${origin}/call.html`);
  await page.evaluate(async (servers) =>
    start(Array.isArray(servers) ? servers : await askForIceServers(servers)), iceServers);
  return page;
}

function measure(...sides) {
  return Promise.all(sides.map((page) => page.evaluate(() => statistics())));
}

async function move(from, to) {
  await to.evaluate((size) => expectFile(size), fileSize);
  const sent = await from.evaluate((size) => sendFile(size), fileSize);
  const arrived = await to.evaluate(() => fileArrived);
  return {size: fileSize, sent, arrived};
}
