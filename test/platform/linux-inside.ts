// The network part of the suite on Linux; linux.test.ts runs it under mocha inside a nameless network namespace.
// Imports platform/linux and its siblings.
// Invariant: the machine's own devices are not touched.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLinuxPlatform } from '../../platform/linux/index.js';
import type { NetworkEvent } from '../../platform/port.js';
import { describeConformance, WIRE_FAMILIES, withCode } from './conformance.js';
import { atEnd, makeLinuxSubject } from './linux-subject.js';
import { inTurn, ip, makeWire, requireOwnNetwork } from './linux-wire.js';

requireOwnNetwork();

const foreignPin = `/sys/fs/bpf/fl-test-platform-foreign-${process.pid}`;

describeConformance('linux, in a namespace', async () => {
  const wire = await makeWire(() => {
    ip(`link set dev wire xdpdrv pinned ${foreignPin}`);
    return () => void ip('link set dev wire xdpdrv off');
  });
  const subject = makeLinuxSubject(wire);
  const foreign = await subject.platform.bpf.load({ objectFile: subject.objectFile, program: 'probe_device', pinDirectory: undefined });
  foreign.pin(foreignPin);
  foreign.close();
  atEnd(() => subject.platform.bpf.removePins(foreignPin));
  return subject;
}, ['network']);

describe('linux network, beyond the port', () => {
  const platform = createLinuxPlatform();
  const wire = (): number => platform.network.interfaces().find(({ name }) => name === 'wire')?.index ?? 0;

  it('addresses come in the order in which they were given, with what is against them; link-local ones are left out', async () => {
    const addresses = () => platform.network.interfaces().find(({ name }) => name === 'wire')?.addresses ?? [];
    const stateOf = (address: string) => addresses().find((one) => one.address === address);
    ip('addr add fd99:0::d1/64 dev wire nodad preferred_lft 0');
    ip('addr add fd99::d2/64 dev wire');
    const told: NetworkEvent[] = [];
    const watch = platform.network.watch((event) => told.push(event));
    try {
      assert.deepEqual(stateOf('fd99::d1'), { address: 'fd99::d1', prefixLength: 64, state: 'deprecated' });
      assert.deepEqual(stateOf('fd99::d2'), { address: 'fd99::d2', prefixLength: 64, state: 'tentative' });
      const order = addresses().map(({ address }) => address);
      assert.deepEqual(order, [...WIRE_FAMILIES.map(({ address }) => address), 'fd99::d1', 'fd99::d2']);
      const deadline = Date.now() + 10_000;
      while (stateOf('fd99::d2')?.state !== undefined && Date.now() < deadline) await sleep(20);
      assert.deepEqual(stateOf('fd99::d2'), { address: 'fd99::d2', prefixLength: 64 });
      while (!told.some(({ kind }) => kind === 'address') && Date.now() < deadline) await sleep(20);
      assert.ok(told.some((event) => event.kind === 'address' && event.ifindex === wire()));
    } finally {
      watch.close();
      inTurn('addr del fd99::d1/64 dev wire', 'addr del fd99::d2/64 dev wire');
    }
  });

  it('an address that another node has is told as a duplicate', async () => {
    const state = () =>
      platform.network
        .interfaces()
        .flatMap(({ addresses }) => addresses)
        .find(({ address }) => address === 'fd99::2')?.state;
    ip('addr add fd99::2/64 dev wire');
    try {
      const deadline = Date.now() + 10_000;
      while (state() !== 'duplicate' && Date.now() < deadline) await sleep(20);
      assert.equal(state(), 'duplicate');
    } finally {
      ip('addr del fd99::2/64 dev wire');
    }
  });

  it('a gateway of the other family', () => {
    ip('route add 198.18.1.0/24 via inet6 fd99::2 dev wire');
    assert.equal(platform.network.route('198.18.1.1')?.nextHop, 'fd99::2');
    ip('route del 198.18.1.0/24');
  });

  it('unreachable, prohibited and swallowed destinations have no route', () => {
    for (const kind of ['unreachable', 'prohibit', 'blackhole']) {
      for (const [prefix, destination] of [
        ['198.18.2.0/24', '198.18.2.1'],
        ['fd98::/64', 'fd98::1'],
      ]) {
        ip(`route add ${kind} ${prefix}`);
        assert.equal(platform.network.route(destination ?? ''), undefined, `${kind} ${destination}`);
        ip(`route del ${kind} ${prefix}`);
      }
    }
    assert.equal(platform.network.route('198.18.2.1')?.nextHop, '10.99.0.2');
    assert.equal(platform.network.route('255.255.255.255'), undefined);
  });

  it('a stale neighbour is probed at once', async () => {
    const find = () => platform.network.neighbours().find(({ address }) => address === '10.99.0.2');
    ip(`neigh replace 10.99.0.2 dev wire lladdr ${find()?.mac} nud stale`);
    assert.equal(find()?.state, 'stale');
    platform.network.solicit(wire(), '10.99.0.2');
    const deadline = Date.now() + 2000;
    while (find()?.state !== 'reachable' && Date.now() < deadline) await sleep(10);
    assert.equal(find()?.state, 'reachable');
  });

  it('a permanent neighbour is left as it is', () => {
    ip('neigh replace 10.99.0.50 dev wire lladdr 02:00:00:00:00:50 nud permanent');
    platform.network.solicit(wire(), '10.99.0.50');
    const found = platform.network.neighbours().find(({ address }) => address === '10.99.0.50');
    assert.deepEqual(found, { ifindex: wire(), address: '10.99.0.50', mac: '02:00:00:00:00:50', state: 'permanent' });
  });

  it('settings are read anew; forwarding is per device and family', () => {
    const enabled = () => ([4, 6] as const).map((family) => platform.network.forwardingEnabled(wire(), family));
    const set = (family: 4 | 6, value: '0' | '1') => writeFileSync(`/proc/sys/net/ipv${family}/conf/wire/forwarding`, value);
    set(4, '1');
    assert.deepEqual(enabled(), [true, false]);
    set(4, '0');
    set(6, '1');
    assert.deepEqual(enabled(), [false, true]);
    set(6, '0');
    assert.deepEqual(enabled(), [false, false]);
    assert.equal(platform.bootIdentity(), readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim());
    const range = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'latin1').trim().split(/\s+/).map(Number);
    assert.deepEqual(platform.network.localPortRange(), range);
  });

  it('lost events are told as an overrun, and events go on after it', async () => {
    const events: NetworkEvent[] = [];
    const watch = platform.network.watch((event) => events.push(event));
    const routes = Array.from({ length: 30_000 }, (_, i) => `route add 11.${i >> 16}.${(i >> 8) & 255}.${i & 255}/32 dev wire`);
    // Blocks the event loop, so that nobody reads meanwhile.
    execFileSync('ip', ['-batch', '-'], { input: `${routes.join('\n')}\n` });
    const deadline = Date.now() + 10_000;
    while (!events.some(({ kind }) => kind === 'overrun') && Date.now() < deadline) await sleep(20);
    assert.ok(events.some(({ kind }) => kind === 'overrun'));
    await sleep(100);
    events.length = 0;
    ip('route flush root 11.0.0.0/8');
    while (!events.some(({ kind }) => kind === 'route') && Date.now() < deadline) await sleep(20);
    assert.ok(events.some(({ kind }) => kind === 'route'));
    watch.close();
  });

  it('native mode on a driver without it is not supported; the link of a device that goes reports 0', async () => {
    const subject = makeLinuxSubject(undefined);
    const { bpf } = subject.platform;
    bpf.makePinDirectory(subject.pinDirectory);
    const program = await bpf.load({ objectFile: subject.objectFile, program: 'probe_device', pinDirectory: undefined });
    await assert.rejects(
      bpf.attach(program, 1, 'native', `${subject.pinDirectory}/link`),
      withCode('FL_E_UNSUPPORTED', /device 1 in native/),
    );
    ip('link add gone type veth peer name gone2');
    const gone = platform.network.interfaces().find(({ name }) => name === 'gone')?.index ?? 0;
    const link = await bpf.attach(program, gone, 'native', `${subject.pinDirectory}/link`);
    await assert.rejects(bpf.attach(program, gone, 'native', `${subject.pinDirectory}/two`), withCode('FL_E_FOREIGN_PROGRAM'));
    ip('link del gone');
    assert.equal(link.ifindex, 0);
    await assert.rejects(link.replaceProgram(program), withCode('FL_E_ATTACH'));
    link.remove();
    assert.deepEqual(bpf.listPins(subject.pinDirectory), []);
    program.close();
    subject.dispose();
  });
});
