// Runs the conformance suite on the Windows adapter in node.exe, and has its result here test by test.
// Imports test/platform, test/support/windows and Node. wine.test.ts runs it in namespaces of its own.
// Invariant: a test that did not run counts as failed.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileProbe } from '../../platform/linux-subject.js';
import { makeWire, requireOwnNetwork } from '../../platform/linux-wire.js';
import { Driver } from '../../support/windows/driver.js';
import { EfwKernel } from '../../support/windows/efw-kernel.js';
import { Wine, windowsPath } from '../../support/windows/wine.js';

requireOwnNetwork();

const root = fileURLToPath(new URL('../../../', import.meta.url));
/** What the verifier says of the probe that it must refuse, in the style of PREVAIL. */
const REPORT =
  '2: Upper bound must be at most packet_size (valid_access(r1.offset+100, width=1) for write)\ninvalid access to packet, off=100';

/** One test as mocha's JSON reporter has it; `err` is empty when it passed. */
interface Result {
  readonly fullTitle: string;
  readonly err: { readonly message?: string; readonly stack?: string };
}

describe('conformance', () => {
  const folder = mkdtempSync(join(tmpdir(), 'fl-windows-'));
  const kernel = new EfwKernel({
    adjustHead: 'works',
    refused: new Map([['probe_refused', REPORT]]),
    hasInterface: (ifindex) => ifindex === 1 || ifindex === wireIndex,
  });
  const driver = new Driver(kernel);
  let wireIndex = 0;
  let wine: Wine | undefined;
  after(() => {
    wine?.stop();
    driver.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('the Windows adapter holds to the suite of all platforms', async () => {
    const probe = compileProbe(folder, 'probe', [], 'windows');
    const wire = await makeWire(() => {
      kernel.attachForeign(wireIndex, probe, 'probe_device');
      return () => kernel.linkOn(wireIndex) && kernel.detach(kernel.linkOn(wireIndex) as never);
    });
    wireIndex = wire.ifindex;
    let detachForeign = (): void => undefined;
    for (const action of ['changeLink', 'changeAddress', 'changeRoute'] as const) driver.actions.set(action, () => wire[action]());
    driver.actions.set('attachForeign', () => {
      detachForeign = wire.attachForeign();
    });
    driver.actions.set('detachForeign', () => detachForeign());

    execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', join(root, 'test/windows')], { stdio: ['ignore', 'inherit', 'inherit'] });
    wine = new Wine(folder, await driver.listen());
    const results = join(folder, 'results.json');
    const compiled = join(root, 'build/windows/js/test/windows/inside/conformance-under-wine.js');
    const options = ['--no-config', '--timeout', '60000', '--reporter', 'json', '--reporter-option', `output=${windowsPath(results)}`];
    const ground = {
      objectFile: windowsPath(probe),
      directory: windowsPath(folder),
      wire: { ifindex: wire.ifindex, name: wire.name, neighbourMac: wire.neighbourMac },
    };
    const { output } = await wine.run([windowsPath(join(root, 'node_modules/mocha/bin/mocha.js')), ...options, windowsPath(compiled)], {
      FL_GROUND: JSON.stringify(ground),
    });
    const { tests, stats } = JSON.parse(readFileSync(results, 'utf8')) as { tests: readonly Result[]; stats: { passes: number } };
    const failed = tests
      .filter(({ err }) => err.message !== undefined)
      .map(({ fullTitle, err }) => `${fullTitle}\n  ${err.stack ?? err.message}`);
    assert.deepEqual(failed, [], output);
    assert.ok(stats.passes > 55, `${stats.passes} tests passed`);
  });
});
