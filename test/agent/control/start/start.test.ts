// The start on a machine in memory: order, adoption, refusals, replacement, layouts, lost state.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeIndex, FLOW, SLOT4 } from '../../../../agent/datapath/layout.js';
import { FairleadError } from '../../../../agent/model/errors.js';
import { createFakePlatform } from '../../../../platform/fake/index.js';
import { ETH0, ETH1, makeKernel, TestBench, until, update } from '../support.js';

describe('startAgent', () => {
  let bench: TestBench;
  beforeEach(() => {
    bench = new TestBench();
  });
  afterEach(() => bench.dispose());

  it('tells each step once, in order, each begun and done', async () => {
    await bench.start();
    const told = bench.reports.map(({ step, phase }) => `${step} ${phase}`);
    const steps = ['interface', 'compile', 'verify', 'attach', 'adopt'];
    assert.deepEqual(
      told,
      steps.flatMap((step) => [`${step} begin`, `${step} done`]),
    );
    assert.equal(bench.said('interface'), 'eth0: index 2, 02:00:00:00:00:01, MTU 1500, 20.1.1.1');
    assert.match(bench.said('verify'), /^100 instructions verified, program id \d+$/);
    assert.match(bench.said('attach'), /^eth0: native, link id \d+ \(attached\)$/);
    assert.equal(bench.said('adopt'), '0 services, 0 backends, 0 flows');
  });

  it('fills the maps of a new program before the program reaches a device', async () => {
    const agent = await bench.start();
    await agent.updateService(update(1, [10, 20]));
    const before = await bench.snapshot();
    await agent.unload();
    await agent.close();
    let atAttach: object | undefined;
    const platform = createFakePlatform(bench.kernel);
    const attach: typeof platform.bpf.attach = async (...args) => {
      atAttach = await bench.snapshot();
      return platform.bpf.attach(...args);
    };
    await bench.start({}, { ...platform, bpf: { ...platform.bpf, attach } });
    assert.deepEqual(atAttach, before);
    assert.match(bench.said('adopt'), /^1 service, 2 backends/);
  });

  it('adopts what runs and writes nothing', async () => {
    const agent = await bench.start();
    await agent.updateService(update(1, [10, 20]));
    const program = bench.platform.bpf.attachedProgram(2)?.programId;
    bench.kernel.journal.length = 0;
    await bench.restart();
    assert.deepEqual(bench.writes(), []);
    assert.equal(bench.platform.bpf.attachedProgram(2)?.programId, program);
    assert.match(bench.said('verify'), /is unchanged: adopted/);
    assert.match(bench.said('attach'), /\(adopted\)/);
  });

  it('refuses a second agent, naming the process of the first', async () => {
    await bench.start();
    const second = createFakePlatform(bench.kernel);
    await assert.rejects(bench.start({}, second), (error: FairleadError) => {
      assert.equal(error.code, 'FL_E_LOCKED');
      assert.match(error.message, /process id 1000\b/);
      return true;
    });
  });

  it('leaves the lock free when it fails', async () => {
    await assert.rejects(bench.start({ devices: ['eth9'] }), { code: 'FL_E_NOT_FOUND' });
    await bench.start();
  });

  it("refuses a device with somebody else's program and touches nothing", async () => {
    const foreign = bench.kernel.attachForeign(2, 'stranger');
    await assert.rejects(bench.start(), (error: FairleadError) => {
      assert.equal(error.code, 'FL_E_FOREIGN_PROGRAM');
      assert.match(error.message, new RegExp(`stranger \\(id ${foreign}`));
      return true;
    });
    assert.deepEqual(bench.pins(), []);
    assert.equal(bench.platform.bpf.attachedProgram(2)?.programId, foreign);
  });

  it('takes generic XDP with a notice when the driver has no native one, but not when native was asked for', async () => {
    const plain = new TestBench(makeKernel({ interfaces: [{ ...ETH0, nativeXdp: false }] }));
    await assert.rejects(plain.start({ xdpMode: 'native' }), { code: 'FL_E_UNSUPPORTED' });
    const agent = await plain.start();
    const status = await agent.status();
    assert.equal(status.devices[0]?.xdpMode, 'generic');
    assert.match(status.warnings.join(), /eth0: the driver has no native XDP/);
    plain.dispose();
  });

  it('replaces the program in the link by another one', async () => {
    await bench.start();
    const before = bench.platform.bpf.attachedProgram(2)?.programId;
    const link = bench.said('attach');
    await bench.restart({ bpfObject: bench.object('newer') });
    assert.notEqual(bench.platform.bpf.attachedProgram(2)?.programId, before);
    assert.equal(bench.said('attach'), link.replace('attached', 'replaced'));
    assert.equal(bench.pins().filter((name) => name.startsWith('program-')).length, 1);
  });

  for (const operation of ['load', 'pin', 'replace', 'attach'] as const) {
    it(`leaves the old program on every device when a ${operation} fails`, async () => {
      const first = await bench.start({ devices: ['eth0'] });
      await first.updateService(update(1, [10, 20]));
      const [pins, maps] = [bench.pins(), await bench.snapshot()];
      const program = bench.platform.bpf.attachedProgram(2)?.programId;
      bench.kill();
      bench.kernel.failOn(operation, 1, new FairleadError('FL_E_ATTACH', 'injected'));
      if (operation === 'attach') bench.kernel.failOn(operation, 2, new FairleadError('FL_E_ATTACH', 'injected'));
      await assert.rejects(bench.start({ devices: ['eth0', 'eth1'], bpfObject: bench.object('newer') }), /injected/);
      assert.equal(bench.platform.bpf.attachedProgram(2)?.programId, program);
      assert.equal(bench.platform.bpf.attachedProgram(3), undefined);
      assert.deepEqual([bench.pins(), await bench.snapshot()], [pins, maps]);
    });
  }

  it('rolls back the devices already served when a later one refuses', async () => {
    await bench.start({ devices: ['eth0', 'eth1'] });
    const program = bench.platform.bpf.attachedProgram(2)?.programId;
    bench.kill();
    bench.kernel.failOn('replace', 2);
    await assert.rejects(bench.start({ devices: ['eth0', 'eth1'], bpfObject: bench.object('newer') }));
    assert.equal(bench.platform.bpf.attachedProgram(2)?.programId, program);
    assert.equal(bench.platform.bpf.attachedProgram(3)?.programId, program);
  });

  it('attaches anew to a device that was made anew, and leaves one that is not asked for', async () => {
    await bench.start({ devices: ['eth0', 'eth1'] });
    bench.kill();
    bench.kernel.removeInterface(2);
    bench.kernel.net.setInterface({ ...ETH0, index: 7 });
    await bench.start({ devices: ['eth0'] });
    assert.match(
      bench.said('attach'),
      /eth0: native, link id \d+ \(attached; eth0 was made anew since: attached again\); eth1: not asked for/,
    );
    assert.equal(bench.platform.bpf.attachedProgram(3), undefined);
    assert.ok(bench.platform.bpf.attachedProgram(7));
  });

  describe('the devices that replies find', () => {
    const ONE = '1: 2 02:00:00:00:00:01';
    const TWO = '2: 3 02:00:00:00:00:02';

    it('are written before the program reaches them, and stay when the agent ends', async () => {
      let atAttach: readonly string[] | undefined;
      const platform = createFakePlatform(bench.kernel);
      const attach: typeof platform.bpf.attach = async (...args) => {
        atAttach ??= bench.devices();
        return platform.bpf.attach(...args);
      };
      const agent = await bench.start({ devices: ['eth0', 'eth1'] }, { ...platform, bpf: { ...platform.bpf, attach } });
      assert.deepEqual(atAttach, [ONE, TWO]);
      await agent.close();
      assert.deepEqual(bench.devices(), [ONE, TWO]);
    });

    it('follow a device’s MAC address', async () => {
      await bench.start({ devices: ['eth0', 'eth1'] });
      bench.kernel.net.setInterface({ ...ETH1, mac: '02:00:00:00:ff:ff' });
      await until(() => bench.devices().includes('2: 3 02:00:00:00:ff:ff'));
      assert.deepEqual(bench.devices(), [ONE, '2: 3 02:00:00:00:ff:ff']);
    });

    it('keep their index when another one is not asked for any more, which leaves after its link', async () => {
      await bench.start({ devices: ['eth0', 'eth1'] });
      bench.kill();
      bench.kernel.journal.length = 0;
      const detached: (readonly string[])[] = [];
      const platform = createFakePlatform(bench.kernel);
      const openPinnedLink: typeof platform.bpf.openPinnedLink = (path) => {
        detached.push(bench.devices());
        return platform.bpf.openPinnedLink(path);
      };
      await bench.start({ devices: ['eth1'] }, { ...platform, bpf: { ...platform.bpf, openPinnedLink } });
      assert.deepEqual(detached.at(-1), [ONE, TWO]);
      assert.deepEqual(bench.devices(), [TWO]);
    });

    it('take the place of the one that was made anew', async () => {
      await bench.start({ devices: ['eth0', 'eth1'] });
      bench.kill();
      bench.kernel.removeInterface(2);
      bench.kernel.net.setInterface({ ...ETH0, index: 7 });
      await bench.start({ devices: ['eth0', 'eth1'] });
      assert.deepEqual(bench.devices(), ['1: 7 02:00:00:00:00:01', TWO]);
    });

    it('are as before when a start fails that asked for others', async () => {
      await bench.start({ devices: ['eth0'] });
      bench.kill();
      for (const operation of ['attach', 'map-write'] as const) {
        bench.kernel.failOn(operation);
        await assert.rejects(bench.start({ devices: ['eth1'], xdpMode: 'native' }), /injected/);
        assert.deepEqual(bench.devices(), [ONE]);
        bench.kill();
      }
    });
  });

  it('an address whose service is gone keeps its bit for as long as an entry of its flows is there', async () => {
    const agent = await bench.start();
    await agent.updateService(update(1, [10]));
    const bit = bench.vips();
    assert.equal(bit.length, 1);
    const tuple = { saddr: '10.0.0.1', daddr: '40.1.1.1', sport: 1001, dport: 81, protocol: 'tcp' as const };
    const slot = SLOT4.encode({ tuple, flow: FLOW.decode(Buffer.alloc(FLOW.size)) });
    const write = (value: Buffer): void => {
      const map = bench.map('ct4');
      map.update(encodeIndex(7), value);
      map.close();
    };
    write(slot);
    await agent.deleteService(1);
    assert.deepEqual(bench.vips(), bit);
    await bench.restart();
    assert.deepEqual(bench.vips(), bit);
    write(Buffer.alloc(slot.length));
    await bench.restart();
    assert.deepEqual(bench.vips(), []);
  });

  it('the flow tables are seeded by the boot: the same for every agent of it, another one after the next', async () => {
    const seed = () => bench.datapath().config.read()?.slotSeed;
    await bench.start();
    const first = seed();
    assert.ok(first !== undefined && first !== 0n);
    await bench.restart({ newFlowRate: 7 });
    assert.equal(seed(), first);
    bench.kernel.bootIdentity = 'the next boot';
    await bench.restart();
    assert.notEqual(seed(), first);
  });

  it('changes the XDP mode of a device when it is asked for', async () => {
    await bench.start();
    await bench.restart({ xdpMode: 'generic' });
    assert.equal(bench.platform.bpf.attachedProgram(2)?.mode, 'generic');
  });

  it('builds the maps of another layout beside, fills them, removes the old and says that flows are lost', async () => {
    const agent = await bench.start();
    await agent.updateService(update(1, [10, 20]));
    const [before, pins] = [await bench.snapshot(), bench.pins()];
    await bench.restart({ maxFlows: 128 });
    assert.match(bench.said('adopt'), /flows of before are lost/);
    const folders = bench.pins().filter((name) => name.startsWith('maps-'));
    assert.equal(folders.length, 1);
    assert.ok(!pins.includes(folders[0] as string));
    assert.deepEqual(await bench.snapshot(), before);
  });

  it('rebuilds the services from the maps when the state file is lost, also from those of another layout', async () => {
    for (const maxFlows of [64, 128]) {
      const agent = await bench.start();
      await agent.updateService(update(1, [10, 20], { weights: [3, 1] }));
      await agent.updateService(update(2, [30], { mode: 'dsr' }));
      const [before, services] = [await bench.snapshot(), await agent.listServices()];
      rmSync(bench.settings.stateFile, { force: true });
      rmSync(`${bench.settings.stateFile}.last-good`, { force: true });
      const next = await bench.restart({ maxFlows });
      assert.match(bench.said('adopt'), /rebuilt from the maps \(services: 2\)/);
      assert.deepEqual(await bench.snapshot(), before);
      assert.deepEqual(await next.listServices(), services);
      assert.match((await next.status()).warnings.join(), /rebuilt/);
      await next.close();
      await (await bench.restart()).close();
    }
  });

  it('takes the last good copy of a torn state file', async () => {
    const agent = await bench.start();
    await agent.updateService(update(1, [10]));
    await agent.updateService(update(1, [10, 20]));
    const text = readFileSync(bench.settings.stateFile, 'utf8');
    writeFileSync(bench.settings.stateFile, text.slice(0, text.length / 2));
    const next = await bench.restart();
    assert.equal((await next.getService(1)).backends.length, 1);
    assert.match((await next.status()).warnings.join(), /state file .* cannot be used.*last-good/);
  });

  it('writes the Maglev tables anew when the state is not the newest: their digests may belong to another', async () => {
    const agent = await bench.start();
    await agent.updateService(update(1, [10, 20]));
    const before = await bench.snapshot();
    await agent.setMode('dsr');
    await agent.setMode('snat');
    await bench.datapath().maglev.set(new Map([[1, new Uint32Array(7).fill(15)]]));
    await bench.restart();
    assert.notDeepEqual(await bench.snapshot(), before);
    writeFileSync(bench.settings.stateFile, 'torn');
    const next = await bench.restart();
    await next.setMode('snat');
    assert.deepEqual(await bench.snapshot(), before);
  });

  it('loads a program anew whose maps are gone, and puts the old one’s pin back when that fails', async () => {
    await bench.start();
    const program = bench.platform.bpf.attachedProgram(2)?.programId;
    const maps = bench.pins().find((name) => name.startsWith('maps-'));
    const pinned = () => {
      const name = bench.pins().find((pin) => pin.startsWith('program-'));
      return bench.platform.bpf.openPinnedProgram(`/sys/fs/bpf/fairlead/test/${name}`)?.id;
    };
    assert.equal(pinned(), program);
    bench.kill();
    bench.platform.bpf.removePins(`/sys/fs/bpf/fairlead/test/${maps}/ct4`);
    bench.kernel.failOn('replace');
    await assert.rejects(bench.start());
    assert.deepEqual([pinned(), bench.platform.bpf.attachedProgram(2)?.programId], [program, program]);
    await bench.restart();
    assert.notEqual(pinned(), program);
    assert.equal(bench.platform.bpf.attachedProgram(2)?.programId, pinned());
  });

  it('takes the mode of the flag before that of the file, and the file keeps it', async () => {
    const agent = await bench.start();
    await agent.setMode('dsr');
    assert.equal(await (await bench.restart()).getMode(), 'dsr');
    assert.equal(await (await bench.restart({ mode: 'snat' })).getMode(), 'snat');
    assert.equal(await (await bench.restart()).getMode(), 'snat');
  });

  it('keeps the verifier’s log in a file that the error names', async () => {
    const refusing = new TestBench(makeKernel({ programs: [{ name: 'fairlead', refused: '0: r1 = 0\ninvalid access' }] }));
    await assert.rejects(refusing.start(), (error: FairleadError) => {
      const path = join(refusing.settings.cacheDirectory, 'verifier.log');
      assert.equal(error.code, 'FL_E_VERIFY');
      assert.ok(error.hint?.includes(path));
      assert.equal(readFileSync(path, 'utf8'), '0: r1 = 0\ninvalid access');
      return true;
    });
    assert.deepEqual(refusing.pins(), []);
    refusing.dispose();
  });

  it('needs an address that replies can come to', async () => {
    const bare = new TestBench(makeKernel({ interfaces: [{ ...ETH0, addresses: [] }] }));
    await assert.rejects(bare.start(), { code: 'FL_E_VALUE', message: /no IPv4( or IPv6)? address/ });
    await assert.rejects(bare.start({ lbAddresses: ['9.9.9.9'] }), { code: 'FL_E_VALUE', message: /not an address of this node/ });
    bare.dispose();
  });

  it('unload takes everything away but the state file; close leaves the data plane', async () => {
    const agent = await bench.start();
    await agent.updateService(update(1, [10]));
    await agent.close();
    assert.ok(bench.platform.bpf.attachedProgram(2));
    assert.equal(bench.kernel.locks.size, 0);
    const next = await bench.start();
    await next.unload();
    assert.equal(bench.platform.bpf.attachedProgram(2), undefined);
    assert.deepEqual(bench.pins(), []);
    await assert.rejects(next.setMode('dsr'), { code: 'FL_E_CONFLICT' });
    await assert.rejects(next.status(), { code: 'FL_E_CONFLICT' });
    await next.close();
    assert.ok(existsSync(bench.settings.stateFile));
    assert.equal((await (await bench.start()).listServices()).length, 1);
  });
});
