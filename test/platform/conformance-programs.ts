// Conformance of programs, pins, the lock and the clock.
// Imports platform/port and its siblings.
// Invariant: the same expectations hold for the kernel and for the fake.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BpfProgram } from '../../platform/port.js';
import { type Lack, type Subject, withCode } from './conformance.js';
import { u64 } from './probe-maps.js';

const FRAME = Buffer.alloc(60, 0xab);

export function describePrograms(subject: () => Subject): void {
  const load = (program: string, pinDirectory?: string): Promise<BpfProgram> =>
    subject().platform.bpf.load({ objectFile: subject().objectFile, program, pinDirectory });
  const lacks = (what: Lack): boolean => subject().lacks?.includes(what) ?? false;

  describe('programs', () => {
    it('a test run tells verdict and packet, also when the packet has grown', async () => {
      const program = await load('probe_grow');
      const run = program.testRun(FRAME);
      assert.equal(run.verdict, 'tx');
      assert.deepEqual(run.packet.subarray(40), FRAME);
      assert.equal(run.packet.length, 100);
      assert.ok(run.nanoseconds > 0);
      const sizes = [program.verifiedInstructions, program.translatedInstructions, program.machineCodeBytes];
      assert.ok(
        sizes.every((size) => (lacks('sizes') ? size === 0 : size > 0)),
        `${sizes}`,
      );
      program.close();
    });

    it('a test run takes the device that the packet seems to come from', async () => {
      const program = await load('probe_device');
      assert.equal(program.testRun(FRAME, { ingressIfindex: 1 }).verdict, 'pass');
      if (!lacks('device check'))
        assert.throws(() => program.testRun(FRAME, { ingressIfindex: 999_999 }), withCode('FL_E_SYSTEM', /999999/));
      program.close();
    });

    it('a program names the maps that it uses', async () => {
      const program = await load('probe_grow');
      const ids = ['probe_outer', 'probe_percpu'].map((name) => program.maps.get(name)?.id);
      assert.deepEqual(new Set(program.mapIds), new Set(ids));
      assert.equal(program.name, 'probe_grow');
      program.close();
    });

    it('maps can be made otherwise than the object declares them, and the program is the same', async () => {
      const { platform, objectFile } = subject();
      const declared = await load('probe_device');
      const otherwise = new Map([['probe_array', { type: 'hash', maxEntries: 2 }]] as const);
      const loading = platform.bpf.load({ objectFile, program: 'probe_device', pinDirectory: undefined, otherwise });
      if (lacks('map forms')) {
        await assert.rejects(loading, withCode('FL_E_UNSUPPORTED', /maps/));
        declared.close();
        return;
      }
      const program = await loading;
      const map = program.maps.get('probe_array');
      assert.deepEqual([map?.type, map?.maxEntries, declared.maps.get('probe_array')?.type], ['hash', 2, 'array']);
      assert.match(program.tag, /^[0-9a-f]{16}$/);
      assert.equal(program.tag, declared.tag);
      const other = await load('probe_grow');
      assert.notEqual(other.tag, declared.tag);
      for (const one of [program, declared, other]) one.close();
    });

    it('a refused program says why in one line, with the whole log as the cause', async () => {
      await assert.rejects(load('probe_refused'), (error: Error) => {
        withCode('FL_E_VERIFY', /^[^\n]*probe_refused[^\n]*invalid access to packet, off=100[^\n]*$/)(error);
        assert.match(String(error.cause), /\n[\s\S]*invalid access/, 'more than one line');
        return true;
      });
    });

    it('an unknown program is named, with those that there are', async () => {
      await assert.rejects(load('probe_absent'), (error: { hint?: string }) => {
        withCode('FL_E_LOAD', /probe_absent/)(error);
        assert.match(error.hint ?? '', /probe_grow.*probe_device/);
        return true;
      });
    });

    it('two loads at the same time do not disturb each other', async () => {
      const [good, bad] = await Promise.allSettled([load('probe_device'), load('probe_refused')]);
      assert.equal(good.status, 'fulfilled');
      assert.equal(bad.status, 'rejected');
      if (good.status === 'fulfilled') good.value.close();
    });
  });

  describe('pins', () => {
    afterEach(() => subject().platform.bpf.removePins(subject().pinDirectory));

    it('maps are pinned by name and found there by a later process', async () => {
      const { platform, pinDirectory } = subject();
      const folder = `${pinDirectory}/inner`;
      platform.bpf.makePinDirectory(folder);
      platform.bpf.makePinDirectory(folder);
      assert.deepEqual(platform.bpf.listPins(folder), []);
      const program = await load('probe_device', folder);
      const names = ['probe_array', 'probe_hash', 'probe_lru', 'probe_outer', 'probe_percpu', 'probe_ring'];
      assert.deepEqual(platform.bpf.listPins(folder), names);
      program.maps.get('probe_hash')?.update(u64(5), u64(55));
      program.close();
      const later = subject().restart();
      const again = await later.bpf.load({ objectFile: subject().objectFile, program: 'probe_grow', pinDirectory: folder });
      assert.deepEqual(again.maps.get('probe_hash')?.lookup(u64(5)), u64(55));
      const opened = later.bpf.openPinnedMap(`${folder}/probe_hash`);
      assert.equal(opened?.id, again.maps.get('probe_hash')?.id);
      assert.equal(opened?.name, 'probe_hash');
      assert.equal(later.bpf.openPinnedMap(`${folder}/nothing`), undefined);
      assert.deepEqual(later.bpf.listPins(pinDirectory), ['inner']);
      later.bpf.removePins(pinDirectory);
      later.bpf.removePins(pinDirectory);
      assert.deepEqual(later.bpf.listPins(pinDirectory), []);
      opened?.close();
      again.close();
    });

    it('without a pin folder nothing is pinned, and loads share no map', async () => {
      const [one, two] = [await load('probe_device'), await load('probe_device')];
      assert.notEqual(one.maps.get('probe_hash')?.id, two.maps.get('probe_hash')?.id);
      one.close();
      two.close();
    });

    it('a pinned program is found and runs; a pin of another kind is told apart', async () => {
      const { platform, pinDirectory } = subject();
      platform.bpf.makePinDirectory(pinDirectory);
      const program = await load('probe_grow', pinDirectory);
      program.pin(`${pinDirectory}/program`);
      assert.throws(() => program.pin(`${pinDirectory}/program`), withCode('FL_E_LOAD', /program/));
      const { id, maps } = program;
      const map = maps.get('probe_hash');
      map?.pin(`${pinDirectory}/again`);
      assert.throws(() => map?.pin(`${pinDirectory}/again`), withCode('FL_E_LOAD', /again/));
      assert.equal(platform.bpf.openPinnedMap(`${pinDirectory}/again`)?.id, map?.id);
      const mapNames = ['probe_array', 'probe_hash', 'probe_lru', 'probe_outer', 'probe_percpu', 'probe_ring'];
      assert.deepEqual(platform.bpf.listPins(pinDirectory), ['again', ...mapNames, 'program'], 'pins of every kind');
      platform.bpf.removePins(`${pinDirectory}/again`);
      program.close();
      const again = subject().restart().bpf.openPinnedProgram(`${pinDirectory}/program`);
      assert.equal(again?.id, id);
      assert.equal(again?.testRun(FRAME).verdict, 'tx');
      assert.deepEqual([...(again?.maps.keys() ?? [])].sort(), ['probe_outer', 'probe_percpu']);
      again?.close();
      assert.equal(platform.bpf.openPinnedProgram(`${pinDirectory}/nothing`), undefined);
      assert.throws(() => platform.bpf.openPinnedMap(`${pinDirectory}/program`), withCode('FL_E_LOAD', /not a map/));
      assert.throws(() => platform.bpf.openPinnedLink(`${pinDirectory}/probe_hash`), withCode('FL_E_LOAD', /not a link/));
      assert.throws(() => platform.bpf.openPinnedProgram(`${pinDirectory}/probe_hash`), withCode('FL_E_LOAD', /not a program/));
    });

    it('a refused program leaves no pin', async () => {
      const { platform, pinDirectory } = subject();
      platform.bpf.makePinDirectory(pinDirectory);
      await assert.rejects(load('probe_refused', pinDirectory), withCode('FL_E_VERIFY'));
      assert.deepEqual(platform.bpf.listPins(pinDirectory), []);
    });

    it('a folder that is no BPF file system is refused', () => {
      assert.throws(() => subject().platform.bpf.makePinDirectory('/nowhere/fairlead'), withCode('FL_E_LOAD', /nowhere/));
    });
  });

  describe('lock and clock', () => {
    it('a lock is held by one process at a time and can be released', () => {
      const path = `${subject().directory}/deep/lock`;
      const lock = subject().platform.lock(path);
      assert.ok(lock.held);
      const other = subject().restart().lock(path);
      assert.equal(other.held, false);
      assert.ok(!other.held && other.pid !== undefined && other.pid > 0);
      lock.release();
      lock.release();
      const third = subject().restart().lock(path);
      assert.ok(third.held);
      third.release();
    });

    it('the clock runs at a rate that kernels have', async () => {
      const clock = await subject().platform.clock();
      assert.ok([100, 250, 300, 1000].includes(clock.ticksPerSecond), `${clock.ticksPerSecond}`);
      const now = clock.now();
      assert.ok(Number.isInteger(now) && now >= 0 && now < 2 ** 32, `${now}`);
      await sleep(20);
      assert.ok((clock.now() - now) >>> 0 < clock.ticksPerSecond, 'less than a second has passed');
    });
  });
}
