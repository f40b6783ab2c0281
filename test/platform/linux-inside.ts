// The network part of the suite on Linux; linux.test.ts runs it under mocha inside a nameless network namespace.
// Imports platform/linux and its siblings.
// Invariant: the neighbour's namespace lives as long as a process that ends when this one does.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLinuxPlatform } from '../../platform/linux/index.js';
import type { NetworkEvent } from '../../platform/port.js';
import { describeConformance, type Wire, withCode } from './conformance.js';
import { atEnd, makeLinuxSubject } from './linux-subject.js';

// The machine's own namespace, as the test that starts this has it.
if ((process.env['OUTER_NETWORK'] ?? readlinkSync('/proc/self/ns/net')) === readlinkSync('/proc/self/ns/net')) {
  throw new Error('to be run by linux.test.ts, in a network namespace of its own');
}

const ip = (command: string): string => execFileSync('ip', command.split(' '), { encoding: 'utf8' });
const inTurn = (...commands: string[]): void => {
  for (const command of commands) ip(command);
};

/** A veth pair whose far end is in a namespace that goes with the process that holds it: cat, until its input ends. */
async function makeWire(): Promise<Wire> {
  const holder = spawn('unshare', ['--net', 'cat'], { stdio: ['pipe', 'ignore', 'inherit'] });
  // It waits for the end of its input, not we for it.
  holder.unref();
  (holder.stdin as Socket).unref();
  const pid = String(holder.pid);
  while (readlinkSync(`/proc/${pid}/ns/net`) === readlinkSync('/proc/self/ns/net')) await sleep(5);
  const far = (command: string): string => execFileSync('nsenter', ['-t', pid, '-n', 'ip', ...command.split(' ')], { encoding: 'utf8' });
  ip('link set lo up');
  ip('link add wire type veth peer name far');
  ip(`link set far netns ${pid}`);
  far('addr add 10.99.0.2/24 dev far');
  far('addr add fd99::2/64 dev far nodad');
  far('link set far up');
  ip('addr add 10.99.0.1/24 dev wire');
  ip('addr add fd99::1/64 dev wire nodad');
  ip('link set wire up');
  ip('route add default via 10.99.0.2');
  // A new namespace takes this setting over from the machine.
  writeFileSync('/proc/sys/net/ipv4/conf/wire/forwarding', '0');
  const [farLink] = JSON.parse(far('-j link show far')) as [{ address: string }];
  return {
    ifindex: Number((JSON.parse(ip('-j link show wire')) as [{ ifindex: number }])[0].ifindex),
    name: 'wire',
    neighbour: '10.99.0.2',
    neighbourMac: farLink.address,
    silent: '10.99.0.9',
    changeLink: () => inTurn('link set wire txqueuelen 999', 'link set wire txqueuelen 1000'),
    changeAddress: () => inTurn('addr add 10.99.0.77/32 dev wire', 'addr del 10.99.0.77/32 dev wire'),
    changeRoute: () => inTurn('route add 198.18.0.0/24 via 10.99.0.2', 'route del 198.18.0.0/24'),
    attachForeign: () => {
      ip(`link set dev wire xdpdrv pinned ${foreignPin}`);
      return () => void ip('link set dev wire xdpdrv off');
    },
  };
}

const foreignPin = `/sys/fs/bpf/fl-test-platform-foreign-${process.pid}`;

describeConformance('linux, in a namespace', async () => {
  const subject = makeLinuxSubject(await makeWire());
  const foreign = await subject.platform.bpf.load({ objectFile: subject.objectFile, program: 'probe_device', pinDirectory: undefined });
  foreign.pin(foreignPin);
  foreign.close();
  atEnd(() => subject.platform.bpf.removePins(foreignPin));
  return subject;
}, ['network']);

describe('linux network, beyond the port', () => {
  const platform = createLinuxPlatform();
  const wire = (): number => platform.network.interfaces().find(({ name }) => name === 'wire')?.index ?? 0;

  it('IPv6: routes, addresses and neighbours', async () => {
    const { network } = platform;
    assert.deepEqual(network.route('fd99:0:0::5'), { ifindex: wire(), nextHop: 'fd99::5', source: 'fd99::1', local: false });
    assert.ok(
      network
        .interfaces()
        .some(({ addresses }) => addresses.some(({ address, prefixLength }) => address === 'fd99::1' && prefixLength === 64)),
    );
    network.solicit(wire(), 'fd99::2');
    const deadline = Date.now() + 5000;
    const find = () => network.neighbours().find(({ address }) => address === 'fd99::2');
    while (find()?.state !== 'reachable' && Date.now() < deadline) await sleep(20);
    assert.equal(find()?.state, 'reachable');
    assert.match(find()?.mac ?? '', /^([0-9a-f]{2}:){5}/);
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

  it('forwarding is per device and read anew', () => {
    const setting = '/proc/sys/net/ipv4/conf/wire/forwarding';
    writeFileSync(setting, '1');
    assert.equal(platform.network.forwardingEnabled(wire()), true);
    writeFileSync(setting, '0');
    assert.equal(platform.network.forwardingEnabled(wire()), false);
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
