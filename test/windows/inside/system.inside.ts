// What of the agent meets Windows itself, past its port, in node.exe under Wine.
// Imports test/support/windows and Node. wine.test.ts runs it in namespaces of its own; needs a current dist/.
// Wine's taskkill knows no trees: what a killed check has started is not looked for.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Wine, windowsPath } from '../../support/windows/wine.js';

describe('the agent and the system, on Windows', () => {
  const folder = mkdtempSync(join(tmpdir(), 'fl-windows-'));
  // There is no driver: nothing here asks the library.
  const wine = new Wine(folder, 0);
  after(() => {
    wine.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('has its places, its pipe, whole files, and checks that end', async () => {
    const script = windowsPath(fileURLToPath(new URL('./system-calls.mjs', import.meta.url)));
    const { status, output } = await wine.run([script, windowsPath(folder)]);
    assert.equal(status, 0, output);
    assert.deepEqual(JSON.parse(output), {
      places: ['C:\\ProgramData\\Fairlead\\state\\lab\\state.json', '\\\\.\\pipe\\fairlead-lab', 'C:\\ProgramData\\Fairlead\\run'],
      asked: 'snat',
      second: 'FL_E_CONFLICT',
      group: 'FL_E_UNSUPPORTED',
      gone: 'FL_E_NO_AGENT',
      linked: true,
      files: ['after', 'before'],
      history: true,
      checks: ['passed', 'exit status 3', 'no answer in 2 s'],
      slow: [true, false],
    });
  });
});
