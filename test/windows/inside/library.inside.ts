// The double itself, called by koffi from node.exe under Wine: results, errno, structures, and what outlives a process.
// Imports test/support/windows and Node. wine.test.ts runs it in namespaces of its own.
// Invariant: expected numbers are those of Windows' C library and of eBPF for Windows.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildObjects } from '../../../tools/build-bpf.js';
import { compileProbe } from '../../platform/linux-subject.js';
import { Driver } from '../../support/windows/driver.js';
import { EfwKernel } from '../../support/windows/efw-kernel.js';
import { Wine, windowsPath } from '../../support/windows/wine.js';

const script = windowsPath(fileURLToPath(new URL('./library-calls.mjs', import.meta.url)));

describe('the double of ebpfapi.dll', () => {
  const folder = mkdtempSync(join(tmpdir(), 'fl-windows-'));
  const refused = new Map<string, string>();
  const kernel = new EfwKernel({ hasInterface: (ifindex) => ifindex === 1, refused });
  const driver = new Driver(kernel);
  let wine: Wine;
  let probe: string;
  before(async () => {
    execFileSync('ip', ['link', 'set', 'lo', 'up']);
    probe = windowsPath(compileProbe(folder, 'probe', [], 'windows'));
    wine = new Wine(folder, await driver.listen());
  });
  after(() => {
    wine?.stop();
    driver.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const calls = async (args: readonly string[], environment?: NodeJS.ProcessEnv): Promise<Record<string, unknown>> => {
    const { status, output } = await wine.run([script, ...args], environment);
    assert.equal(status, 0, output);
    return JSON.parse(output);
  };

  it('answers as the library of Windows does', async () => {
    assert.deepEqual(await calls([probe]), {
      updates: [0, 0, -28],
      errno: -28,
      again: -131,
      absent: -2,
      badType: -22,
      info: [1, 8, 2, 'kept'],
      pinned: [0, -17],
      closed: [0, 4, -9],
      missing: [null, -2],
      loaded: 0,
      ran: [0, 1],
      device: [0, 7],
      headRefused: [0, 2],
      attached: [0, -22, -22],
    });
  });

  it('keeps pins and attachments when the process has ended, and nothing else', async () => {
    const names = [...kernel.memory.maps.values()].map(({ spec }) => spec.name);
    assert.deepEqual(names.sort(), ['kept', 'probe_array', 'probe_hash', 'probe_lru', 'probe_outer', 'probe_percpu', 'probe_ring']);
    assert.deepEqual(
      [...kernel.programs.values()].map(({ object }) => object.name),
      ['probe_device'],
    );
    assert.deepEqual(await calls([probe, 'second']), {
      adopted: [0, 10],
      attachedStill: 0,
      unpinned: [0, 7],
      goneAfterwards: -2,
    });
    assert.ok(![...kernel.memory.maps.values()].some(({ spec }) => spec.name === 'kept'));
  });

  it('has maps of every kind that Fairlead uses, links, rings and the verifier as far as a test says', async () => {
    kernel.pins.clear();
    for (const link of kernel.links.values()) kernel.detach(link);
    refused.set('probe_refused', 'not today');
    const said = await calls([probe, 'kinds']);
    const pins = said['pins'];
    assert.deepEqual(
      { ...said, pins: undefined },
      {
        batchUntilFull: [-28, 5],
        batches: { found: [1, 2, 3], results: [0, 0, -2] },
        deleted: [0, [-2]],
        lru: [0, [3, 4, 5]],
        array: [-22, -22, -22],
        arrayDelete: [0, 0, 0],
        arrayKeys: [0, 0, 0, 1, -2],
        trie: [0, 16, -2],
        loaded: [-13, -13, 0],
        inner: [0, -22, 0],
        innerLives: [0, true],
        recorded: [0, 0],
        consumed: [-1, 3, 0, [4, 16, 4, 16]],
        foreignRefused: [null, -22],
        link: [3, 1, 0, -2],
        left: true,
        pins: undefined,
        verified: [0, 1, 'not today'],
      },
    );
    assert.equal(kernel.linkOn(1), undefined);
    assert.deepEqual(
      pins,
      ['array', 'hash', 'lru', 'outer', 'percpu', 'ring'].map((name) => `BPF:\\probe_${name} 1`),
    );
  });

  it('takes the object for native drivers where only those load, and its program runs', async () => {
    const native = new EfwKernel({ nativeOnly: true });
    const second = new Driver(native);
    const environment = { FAIRLEAD_EBPF_DRIVER: String(await second.listen()) };
    try {
      const object = (await buildObjects(folder, 'windows')).find((path) => path.endsWith('fairlead-windows.o')) ?? '';
      assert.deepEqual((await calls([windowsPath(object), 'fairlead'], environment))['loaded'], [-129, -129]);
      assert.deepEqual([...native.pins.keys()], []);
      const driverFile = join(folder, 'fairlead.sys');
      copyFileSync(object, driverFile);
      const said = await calls([windowsPath(driverFile), 'fairlead'], environment);
      assert.deepEqual([said['loaded'], said['attached']], [[0, 0], 0]);
      assert.deepEqual((said['maps'] as string[]).toSorted(), [...native.pins.keys()].toSorted());
      // With a config map of zeros it knows no service.
      const packet = Buffer.alloc(60, 0xab);
      assert.deepEqual(native.receive(1, packet), { verdict: 'pass', packet });
    } finally {
      second.close();
    }
  });

  it('fails the call that a test orders to fail, once', async () => {
    refused.clear();
    kernel.failOn('map_create', 1, 'ENOMEM');
    const said = await calls([probe]);
    assert.deepEqual(said['updates'], [-9, -9, -9]);
    assert.equal(said['badType'], -22);
  });
});
