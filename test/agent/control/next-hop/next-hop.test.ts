// From an address to its next hop, for both families: on a link, behind a router, without a way; and which one a person means.
// Imports agent/control/next-hop, platform/fake.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { findNeighbour } from '../../../../agent/control/next-hop/find-neighbour.js';
import { NextHops } from '../../../../agent/control/next-hop/neighbours.js';
import { HopFinder, type KnownHop } from '../../../../agent/control/next-hop/next-hop.js';
import { SourcePolicy } from '../../../../agent/control/start/interfaces.js';
import type { NeighbourView } from '../../../../agent/model/views.js';
import { createFakePlatform, FakeKernel } from '../../../../platform/fake/index.js';
import type { InterfaceInfo } from '../../../../platform/port.js';

const device = (name: string, index: number, addresses: InterfaceInfo['addresses']): InterfaceInfo => ({
  name,
  index,
  mac: `02:00:00:00:00:0${index}`,
  mtu: 1500,
  up: true,
  addresses,
});
const ETH0 = device('eth0', 2, [
  { address: '20.1.1.1', prefixLength: 24 },
  { address: '2001:db8:20::1', prefixLength: 64 },
]);
const ETH1 = device('eth1', 3, [{ address: '2001:db8:30::1', prefixLength: 64 }]);
/** Both routers call themselves fe80::1, as many do. */
const ROUTES = [
  { destination: '2001:db8:50::/48', ifindex: 2, via: 'fe80::1' },
  { destination: '2001:db8:60::/48', ifindex: 3, via: 'fe80::1' },
];
const MAC = { eth0: '02:00:00:00:02:fe', eth1: '02:00:00:00:03:fe' } as const;
const LB = ['20.1.1.1', '2001:db8:20::1', '2001:db8:30::1'];

function makeNetwork(lbAddresses: readonly string[] = LB) {
  const kernel = new FakeKernel({ interfaces: [ETH0, ETH1], routes: ROUTES });
  const { network } = createFakePlatform(kernel);
  return { kernel, network, sources: new SourcePolicy(lbAddresses, [ETH0, ETH1]) };
}

function find(address: string, options: { lb?: readonly string[]; known?: KnownHop } = {}) {
  const { kernel, network, sources } = makeNetwork(options.lb);
  for (const [ifindex, mac] of [
    [2, MAC.eth0],
    [3, MAC.eth1],
  ] as const) {
    // biome-ignore format: a table
    kernel.net.setNeighbour({ ifindex, address: 'fe80::1', mac, state: 'reachable' });
  }
  kernel.net.setNeighbour({ ifindex: 2, address: '2001:db8:20::10', mac: '02:00:00:00:01:10', state: 'stale' });
  return new HopFinder(network, sources).find(address, options.known);
}

describe('the next hop of an IPv6 address', () => {
  it('on a link is the address itself', () => {
    const hop = find('2001:db8:20::10');
    assert.deepEqual(hop.via, { ifindex: 2, device: 'eth0', address: '2001:db8:20::10' });
    assert.deepEqual(hop.resolved, { ifindex: 2, dstMac: '02:00:00:00:01:10', srcMac: ETH0.mac, mtu: 1500 });
    assert.deepEqual([hop.source, hop.state, hop.text], ['2001:db8:20::1', 'stale', 'resolved']);
  });

  it('behind a router is its link-local address, of that device and no other', () => {
    const [first, second] = [find('2001:db8:50::7'), find('2001:db8:60::7')];
    assert.deepEqual([first.via?.device, first.via?.address, first.resolved?.dstMac], ['eth0', 'fe80::1', MAC.eth0]);
    assert.deepEqual([second.via?.device, second.via?.address, second.resolved?.dstMac], ['eth1', 'fe80::1', MAC.eth1]);
    assert.deepEqual([first.source, second.source], ['2001:db8:20::1', '2001:db8:30::1']);
  });

  it('is named when it does not answer, when there is no way, and when it is this node', () => {
    assert.equal(find('2001:db8:20::99').text, 'no answer from 2001:db8:20::99 on eth0');
    assert.equal(find('2001:db8:70::1').text, 'no route to host');
    assert.deepEqual([find('2001:db8:30::1').local, find('2001:db8:30::1').text], [true, 'an address of this node']);
  });

  it('is not resolved while this node has no address of the family to send from', () => {
    const hop = find('2001:db8:20::10', { lb: ['20.1.1.1'], known: { ifindex: 2, dstMac: '02:00:00:00:01:10' } });
    assert.deepEqual([hop.source, hop.resolved, hop.text], [undefined, undefined, 'no IPv6 LB address to send from']);
    assert.equal(find('20.1.1.10', { lb: ['2001:db8:20::1'] }).text, 'no IPv4 LB address to send from');
  });
});

describe('next hops that are followed', () => {
  it('a router is asked for on its own device, and its answer serves the backends behind it alone', async () => {
    const { kernel, network, sources } = makeNetwork();
    const changes: string[][] = [];
    const hops = new NextHops(network, sources, {
      changed: (addresses) => void changes.push([...addresses]),
      devicesChanged: () => undefined,
      trouble: (error) => assert.equal(error, undefined),
    });
    try {
      for (const address of ['2001:db8:50::7', '2001:db8:50::8', '2001:db8:60::7']) hops.track(address);
      await sleep(20);
      const asked = kernel.net.solicited.map(({ ifindex, address }) => `${address} ${ifindex}`);
      assert.deepEqual([...new Set(asked)].sort(), ['fe80::1 2', 'fe80::1 3']);
      kernel.net.setNeighbour({ ifindex: 3, address: 'fe80::1', mac: MAC.eth1, state: 'reachable' });
      assert.deepEqual(changes, [['2001:db8:60::7']]);
      kernel.net.setNeighbour({ ifindex: 2, address: 'fe80::1', mac: MAC.eth0, state: 'reachable' });
      assert.deepEqual(changes[1], ['2001:db8:50::7', '2001:db8:50::8']);
      assert.equal(hops.get('2001:db8:50::8').resolved?.dstMac, MAC.eth0);
    } finally {
      hops.close();
    }
  });

  it('a route that moves to the same link-local address on another device does not keep the MAC', async () => {
    const { kernel, network, sources } = makeNetwork();
    kernel.net.setNeighbour({ ifindex: 2, address: 'fe80::1', mac: MAC.eth0, state: 'reachable' });
    const ignore = () => undefined;
    const hops = new NextHops(network, sources, { changed: ignore, devicesChanged: ignore, trouble: ignore });
    try {
      hops.track('2001:db8:50::7');
      assert.equal(hops.get('2001:db8:50::7').resolved?.dstMac, MAC.eth0);
      kernel.net.routes[0] = { destination: '2001:db8:50::/48', ifindex: 3, via: 'fe80::1' };
      kernel.net.emit({ kind: 'route' });
      await hops.waitUntil(() => hops.get('2001:db8:50::7').via?.device === 'eth1', 5000);
      assert.deepEqual([hops.get('2001:db8:50::7').via?.device, hops.get('2001:db8:50::7').resolved], ['eth1', undefined]);
    } finally {
      hops.close();
    }
  });
});

describe('next hops of a thousand addresses', () => {
  const addresses = Array.from({ length: 1000 }, (_, i) => `2001:db8:50::${(i + 16).toString(16)}`);
  const ignore = () => undefined;
  let made: ReturnType<typeof makeNetwork>;
  let hops: NextHops;
  const changes: ReadonlySet<string>[] = [];

  beforeEach(() => {
    changes.length = 0;
    made = makeNetwork();
    made.kernel.net.setNeighbour({ ifindex: 2, address: 'fe80::1', mac: MAC.eth0, state: 'reachable' });
    made.kernel.net.setNeighbour({ ifindex: 3, address: 'fe80::1', mac: MAC.eth1, state: 'reachable' });
    const listener = { changed: (some: ReadonlySet<string>) => void changes.push(some), devicesChanged: ignore, trouble: ignore };
    hops = new NextHops(made.network, made.sources, listener);
    for (const address of addresses) hops.track(address);
  });
  afterEach(() => hops.close());
  const changed = () => new Set(changes.flatMap((some) => [...some]));

  it('all change with their router, told at once, and no route is asked for', () => {
    let asked = 0;
    const { route } = made.network;
    made.network.route = (address) => {
      asked++;
      return route.call(made.network, address);
    };
    made.kernel.net.setNeighbour({ ifindex: 2, address: 'fe80::1', mac: '02:00:00:00:09:09', state: 'reachable' });
    assert.deepEqual([changes.length, changed().size, asked], [1, 1000, 0]);
    assert.equal(hops.get(addresses[999] as string).resolved?.dstMac, '02:00:00:00:09:09');
    made.kernel.net.setNeighbour({ ifindex: 2, address: 'fe80::1', mac: '02:00:00:00:09:09', state: 'stale' });
    assert.equal(changes.length, 1, 'a MAC that gets old is no change');
  });

  it('follow another route a piece at a time, also one that changes meanwhile', async () => {
    made.kernel.net.routes[0] = { destination: '2001:db8:50::/48', ifindex: 3, via: 'fe80::1' };
    made.kernel.net.emit({ kind: 'route' });
    await hops.waitUntil(() => changes.length > 0, 5000);
    assert.ok(changed().size < 1000, 'the event loop has its turn between');
    made.kernel.net.routes[0] = { destination: '2001:db8:50::/48', ifindex: 2, via: 'fe80::1' };
    made.kernel.net.emit({ kind: 'route' });
    const all = (device: string) => addresses.every((address) => hops.get(address).via?.device === device);
    await hops.waitUntil(() => all('eth0'), 5000);
    await sleep(50);
    assert.ok(all('eth0'));
    assert.equal(hops.get(addresses[0] as string).resolved?.dstMac, MAC.eth0);
  });

  it('are let go with their router, which is asked for no more', async () => {
    for (const address of addresses) hops.forget(address);
    assert.deepEqual([...hops.entries()], []);
    made.kernel.net.setNeighbour({ ifindex: 2, address: 'fe80::1', mac: '02:00:00:00:09:09', state: 'reachable' });
    assert.equal(changes.length, 0);
  });
});

describe('the next hop that a person means', () => {
  const backends = { eth0: '2001:db8:50::7', eth1: '2001:db8:60::7' } as const;
  const hops = Object.values(backends).map((address) => [address, find(address)] as const);
  const views = (['eth0', 'eth1'] as const).map(
    (name): NeighbourView => ({
      address: 'fe80::1',
      device: name,
      mac: MAC[name],
      state: 'reachable',
      backends: [`[${backends[name]}]:80`],
    }),
  );

  it('is one of a backend, or one by its address and device', () => {
    assert.deepEqual(findNeighbour(views, hops, '2001:db8:60::7'), { view: views[1], backend: '2001:db8:60::7' });
    assert.deepEqual(findNeighbour(views, hops, 'fe80::1%eth0'), { view: views[0], backend: '2001:db8:50::7' });
    assert.deepEqual(findNeighbour(views.slice(1), hops.slice(1), 'fe80::1'), { view: views[1], backend: '2001:db8:60::7' });
  });

  it('is asked for when there are two of an address, and named when there is none', () => {
    assert.throws(() => findNeighbour(views, hops, 'fe80::1'), {
      code: 'FL_E_VALUE',
      message: 'neighbour fe80::1: there are 2 of this address',
      hint: 'say which: fe80::1%eth0, fe80::1%eth1',
    });
    assert.throws(() => findNeighbour(views, hops, 'fe80::1%eth7'), { code: 'FL_E_NOT_FOUND', hint: /fe80::1%eth0/ });
  });
});
