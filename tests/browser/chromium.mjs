// Debian's Chromium, driven by playwright-core of the given modules; it asks nobody outside.
import {createRequire} from 'node:module';
import {join} from 'node:path';

// An error that says `cannotStart` where it cannot be started at all.
export async function launch(modules, executablePath, ...flags) {
  const {chromium} = createRequire(join(modules, 'package.json'))('playwright-core');
  try {
    return await chromium.launch({executablePath, timeout: 60_000, args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync',
      '--allow-loopback-in-peer-connection', '--disable-features=WebRtcHideLocalIpsWithMdns', ...flags,
    ]});
  } catch (error) {
    // Without the command line, which is longer than what Chromium said.
    const said = error.message.split('\n').filter((line) => !line.startsWith('<launch')).join('\n');
    throw Object.assign(new Error(`Chromium: ${said}`), {cannotStart: true});
  }
}
