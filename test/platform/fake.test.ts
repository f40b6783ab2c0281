// The in-memory platform, held to the suite of all platforms; then what it adds for tests: journal, failures, restarts.
// Imports platform/fake and its siblings.
// Invariant: needs no permission and no kernel.

import assert from 'node:assert/strict';
import { createFakePlatform, FakeKernel } from '../../platform/fake/index.js';
import type { AddressState, InterfaceAddress } from '../../platform/port.js';
import { BEYOND, describeConformance, type Subject, WIRE_FAMILIES, withCode } from './conformance.js';
import { PROBE_MAPS, PROBE_PROGRAMS, sequence, u32, u64 } from './probe-maps.js';

const DEVICE = {
  name: 'wire',
  index: 7,
  mac: '02:00:00:00:00:01',
  mtu: 1500,
  up: true,
  addresses: WIRE_FAMILIES.map(({ address, prefixLength }) => ({ address, prefixLength })),
};
const NEIGHBOUR_MAC = '02:00:00:00:00:02';

function makeKernel(): FakeKernel {
  const kernel = new FakeKernel({
    maps: PROBE_MAPS,
    programs: PROBE_PROGRAMS,
    interfaces: [DEVICE],
    routes: WIRE_FAMILIES.map(({ family, router }) => ({ destination: BEYOND[family], ifindex: 7, via: router })),
  });
  for (const { neighbour, router } of WIRE_FAMILIES) for (const one of [neighbour, router]) kernel.net.answers.set(one, NEIGHBOUR_MAC);
  return kernel;
}

async function makeSubject(): Promise<Subject> {
  const kernel = makeKernel();
  const { net } = kernel;
  return {
    platform: createFakePlatform(kernel),
    restart: () => createFakePlatform(kernel),
    objectFile: 'probe.o',
    pinDirectory: '/sys/fs/bpf/fairlead/probe',
    directory: '/run/probe',
    wire: {
      ifindex: 7,
      name: 'wire',
      neighbourMac: NEIGHBOUR_MAC,
      changeLink: () => net.setInterface(DEVICE),
      changeAddress: () => net.emit({ kind: 'address', ifindex: 7 }),
      changeRoute: () => net.emit({ kind: 'route' }),
      attachForeign: () => {
        kernel.attachForeign(7, 'foreign');
        return () => kernel.links.clear();
      },
    },
    dispose: () => undefined,
  };
}

describeConformance('fake', makeSubject);

describe('fake platform, beyond the port', () => {
  const hashSpec = { name: 'h', type: 'hash', keySize: 8, valueSize: 8, maxEntries: 16 } as const;

  it('the journal has every write in order, with copies of key and value', async () => {
    const platform = createFakePlatform(makeKernel());
    const program = await platform.bpf.load({ objectFile: 'x', program: 'probe_grow', pinDirectory: undefined });
    const outer = program.maps.get('probe_outer');
    const hash = platform.bpf.createMap(hashSpec);
    const inner = platform.bpf.createMap({ name: 'i', type: 'array', keySize: 4, valueSize: 8, maxEntries: 100 });
    const key = u64(1);
    hash.update(key, u64(2));
    key.fill(0xff);
    await outer?.setInner([{ key: u32(0), inner }]);
    hash.delete(u64(1));
    hash.delete(u64(1));
    assert.deepEqual(platform.kernel.journal, [
      { map: 'h', op: 'update', key: u64(1), value: u64(2) },
      { map: 'probe_outer', op: 'set-inner', key: u32(0), value: u32(inner.id) },
      { map: 'h', op: 'delete', key: u64(1), value: undefined },
    ]);
  });

  it('the n-th write fails once, takes no effect, and the writes around it do', async () => {
    const platform = createFakePlatform();
    const hash = platform.bpf.createMap(hashSpec);
    platform.kernel.failOn('map-write', 3);
    await assert.rejects(hash.updateMany(sequence(0, 5), sequence(0, 5), 5), withCode('FL_E_MAP', /injected/));
    assert.deepEqual(
      [0, 1, 2].map((key) => hash.lookup(u64(key)) !== undefined),
      [true, true, false],
    );
    hash.update(u64(2), u64(2));
    assert.equal(platform.kernel.journal.length, 3);
  });

  it('a load, an attachment and a replacement can be made to fail', async () => {
    const platform = createFakePlatform(makeKernel());
    platform.bpf.makePinDirectory('/sys/fs/bpf/x');
    platform.kernel.failOn('load', 2, new Error('ordered'));
    const request = { objectFile: 'x', program: 'probe_device', pinDirectory: undefined };
    const program = await platform.bpf.load(request);
    await assert.rejects(platform.bpf.load(request), /ordered/);
    platform.kernel.failOn('attach');
    await assert.rejects(platform.bpf.attach(program, 7, 'native', '/sys/fs/bpf/x/link'), /injected failure of attach/);
    const link = await platform.bpf.attach(program, 7, 'native', '/sys/fs/bpf/x/link');
    platform.kernel.failOn('replace');
    await assert.rejects(link.replaceProgram(program), /injected failure of replace/);
  });

  it('a process that ends leaves pins and links, and nothing else', async () => {
    const kernel = makeKernel();
    const process = createFakePlatform(kernel);
    const folder = '/sys/fs/bpf/fairlead/x';
    process.bpf.makePinDirectory(folder);
    const program = await process.bpf.load({ objectFile: 'x', program: 'probe_device', pinDirectory: folder });
    await process.bpf.attach(program, 7, 'native', `${folder}/link`);
    const loose = process.bpf.createMap(hashSpec);
    assert.equal(process.lock('/run/x').held, true);
    process.network.watch(() => assert.fail('the process has ended'));
    process.endProcess();
    kernel.net.emit({ kind: 'route' });
    const next = createFakePlatform(kernel);
    assert.equal(next.lock('/run/x').held, true);
    assert.equal(next.bpf.openMapById(loose.id), undefined);
    assert.equal(next.bpf.openPinnedLink(`${folder}/link`)?.programId, program.id);
    assert.equal(next.bpf.attachedProgram(7)?.programId, program.id);
    next.bpf.removePins(folder);
    next.endProcess();
    assert.deepEqual([kernel.links.size, kernel.programs.size, kernel.maps.size], [0, 0, 0]);
  });

  it('maps pinned with another layout are refused', async () => {
    const kernel = makeKernel();
    const platform = createFakePlatform(kernel);
    platform.bpf.makePinDirectory('/sys/fs/bpf/x');
    kernel.pins.set('/sys/fs/bpf/x/probe_hash', kernel.addMap({ ...hashSpec, name: 'probe_hash' }));
    await assert.rejects(
      platform.bpf.load({ objectFile: 'x', program: 'probe_device', pinDirectory: '/sys/fs/bpf/x' }),
      withCode('FL_E_LOAD', /probe_hash.*another layout/),
    );
    assert.deepEqual(platform.bpf.listPins('/sys/fs/bpf/x'), ['probe_hash']);
  });

  it('the clock goes as the test says', async () => {
    const { kernel, ...platform } = createFakePlatform(new FakeKernel({ ticksPerSecond: 100 }));
    const clock = await platform.clock();
    kernel.ticks = 0xffff_ffff;
    kernel.advance(1);
    assert.equal(clock.now(), 99);
  });

  it("a route takes no source that is not this node's yet, and one on its way out only when there is no other", () => {
    const address = (text: string, state?: AddressState) => ({ address: text, prefixLength: 128, ...(state && { state }) });
    const kernel = new FakeKernel({ interfaces: [DEVICE], routes: [{ destination: '::/0', ifindex: 7 }] });
    const { network } = createFakePlatform(kernel);
    const sourceWith = (...addresses: InterfaceAddress[]) => {
      kernel.net.setInterface({ ...DEVICE, addresses });
      return network.route('2001:db8::9')?.source;
    };
    assert.equal(sourceWith(address('fd99::1', 'tentative'), address('fd99::2', 'deprecated'), address('fd99::3')), 'fd99::3');
    assert.equal(sourceWith(address('fd99::1', 'duplicate'), address('fd99::2', 'deprecated')), 'fd99::2');
    assert.equal(network.route('fd99::1')?.local, false);
  });

  it('forwarding is per device and family; another boot has another name', () => {
    const kernel = new FakeKernel({ interfaces: [{ ...DEVICE, forwarding: [6] }] });
    const platform = createFakePlatform(kernel);
    assert.deepEqual(
      ([4, 6] as const).map((family) => platform.network.forwardingEnabled(7, family)),
      [false, true],
    );
    kernel.bootIdentity = 'another';
    assert.equal(platform.bootIdentity(), 'another');
  });

  it('a device without native XDP takes generic alone; a device that goes leaves a detached link', async () => {
    const kernel = new FakeKernel({ maps: PROBE_MAPS, interfaces: [{ ...DEVICE, nativeXdp: false }] });
    const { bpf } = createFakePlatform(kernel);
    bpf.makePinDirectory('/sys/fs/bpf/x');
    const program = await bpf.load({ objectFile: 'x', program: 'any', pinDirectory: undefined });
    await assert.rejects(bpf.attach(program, 7, 'native', '/sys/fs/bpf/x/link'), withCode('FL_E_UNSUPPORTED'));
    const link = await bpf.attach(program, 7, 'generic', '/sys/fs/bpf/x/link');
    kernel.removeInterface(7);
    assert.equal(link.ifindex, 0);
    await assert.rejects(link.replaceProgram(program), withCode('FL_E_ATTACH', /gone/));
  });
});
