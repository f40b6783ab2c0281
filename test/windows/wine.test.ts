// The Windows side under Wine: runs test/windows/inside in namespaces of its own.
// Imports tools/setup and Node.
// Invariant: no process outlives this one, however it ends: setpriv passes its death on to unshare, and that the end of a namespace to all in it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
// @ts-expect-error plain JavaScript, as it runs before TypeScript is there
import { windowsToolsMissing } from '../../tools/setup/windows.mjs';
import { skipTest } from '../tools/skip.js';

const inside = fileURLToPath(new URL('./inside/', import.meta.url));
const mocha = fileURLToPath(new URL('../../node_modules/mocha/bin/mocha.js', import.meta.url));
const isolate = ['--pdeathsig', 'KILL', 'unshare', '--net', '--pid', '--fork', '--kill-child', '--mount-proc'];

describe('Windows, under Wine with a double of ebpfapi.dll', () => {
  for (const file of readdirSync(inside).filter((name) => name.endsWith('.inside.ts'))) {
    it(file.replace('.inside.ts', ''), async function () {
      if (process.getuid?.() !== 0) skipTest(this, 'not root');
      const missing = windowsToolsMissing();
      if (missing !== undefined) skipTest(this, `${missing}: \`npm run test:windows\` sets it up`);
      this.timeout(180_000);
      const args = [...isolate, process.execPath, mocha, '--no-config', '--import=tsx', '--timeout', '150000', inside + file];
      const child = spawn('setpriv', args, {
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: 170_000,
        killSignal: 'SIGKILL',
        env: { ...process.env, OUTER_NETWORK: readlinkSync('/proc/self/ns/net') },
      });
      let output = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += String(data)));
      const [status] = await once(child, 'close');
      assert.equal(status, 0, output);
      assert.match(output, /\d passing/, output);
    });
  }
});
