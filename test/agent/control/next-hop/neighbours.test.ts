// Next hops: each event of the network changes the entries that it concerns and no other; unknown ones are asked for.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Agent } from '../../../../agent/control/agent.js';
import { BACKEND4 } from '../../../../agent/datapath/layout.js';
import { endpoint, ETH0, ETH1, macOf, TestBench, update } from '../support.js';

/** Longer than a burst of link events is gathered for. */
const BURST_OVER = 60;

describe('next hops', () => {
  let bench: TestBench;
  let agent: Agent;
  beforeEach(async () => {
    bench = new TestBench();
    agent = await bench.start();
    await agent.updateService(update(1, [10, 20]));
    bench.kernel.journal.length = 0;
  });
  afterEach(async () => {
    await agent.close();
    bench.dispose();
  });

  const neighbour = (last: number, mac: string | undefined, state: 'reachable' | 'stale' | 'failed' | 'incomplete') =>
    bench.kernel.net.setNeighbour({ ifindex: 2, address: `20.1.1.${last}`, mac, state });
  const written = () =>
    bench.kernel.journal.map(({ map, value }) => [map, value && BACKEND4.decode(value).address, value && BACKEND4.decode(value).dstMac]);
  const entryOf = (address: string) => agent.listBackends().then((all) => all.find((backend) => backend.address === address));

  it('a new MAC is one write, of the backend that it concerns', async () => {
    neighbour(10, '02:00:00:00:09:09', 'reachable');
    await sleep(5);
    assert.deepEqual(written(), [['lb4_backends', '20.1.1.10', '02:00:00:00:09:09']]);
    assert.equal((await entryOf('20.1.1.10'))?.mac, '02:00:00:00:09:09');
  });

  it('a MAC that is confirmed, gets old or is forgotten by the kernel writes nothing', async () => {
    neighbour(10, macOf(10), 'stale');
    neighbour(10, macOf(10), 'reachable');
    bench.kernel.net.removeNeighbour(2, '20.1.1.10');
    neighbour(10, undefined, 'incomplete');
    await sleep(5);
    assert.deepEqual(written(), []);
    assert.equal((await entryOf('20.1.1.10'))?.nextHop, 'resolved');
  });

  it('a next hop that does not answer makes its backend unresolved, until it answers', async () => {
    neighbour(10, undefined, 'failed');
    await sleep(5);
    assert.deepEqual(written(), [['lb4_backends', '20.1.1.10', '00:00:00:00:00:00']]);
    assert.equal((await entryOf('20.1.1.10'))?.nextHop, 'no answer from 20.1.1.10 on eth0');
    assert.equal((await agent.status()).unresolvedBackends, 1);
    neighbour(10, macOf(10), 'reachable');
    await sleep(5);
    assert.equal((await agent.status()).unresolvedBackends, 0);
  });

  it('one next hop for two services: both entries are written', async () => {
    await agent.updateService(update(2, [10]));
    bench.kernel.journal.length = 0;
    neighbour(10, '02:00:00:00:09:09', 'reachable');
    await sleep(5);
    assert.equal(written().length, 2);
  });

  it('an unknown backend is accepted with a warning, asked for, and taken when it answers', async () => {
    const { warnings } = await agent.updateService(update(2, [50]));
    assert.deepEqual(warnings, ['backend 20.1.1.50:80: no answer from 20.1.1.50 on eth0, retried']);
    assert.ok(bench.kernel.net.solicited.some(({ address }) => address === '20.1.1.50'));
    bench.kernel.net.answers.set('20.1.1.50', macOf(50));
    await sleep(600);
    assert.equal((await entryOf('20.1.1.50'))?.mac, macOf(50));
    assert.equal(bench.datapath().backends.get(2)?.nextHop?.dstMac, macOf(50));
  });

  it('an answer within the time that a call waits leaves no warning', async () => {
    setTimeout(() => neighbour(50, macOf(50), 'reachable'), 60);
    const { warnings, view } = await agent.updateService(update(2, [50]));
    assert.deepEqual(warnings, []);
    assert.equal(view.backends[0]?.mac, macOf(50));
  });

  it('without a route: no route to host; with a route by a gateway: the gateway’s MAC', async () => {
    const { view } = await agent.updateService({ ...update(2, []), backends: [{ address: '50.1.1.1', port: 80 }] });
    assert.equal(view.backends[0]?.nextHop, 'no route to host');
    bench.kernel.net.routes.push({ destination: '50.0.0.0/8', ifindex: 2, via: '20.1.1.40' });
    bench.kernel.net.emit({ kind: 'route' });
    await sleep(BURST_OVER);
    assert.deepEqual(await entryOf('50.1.1.1').then((view) => [view?.mac, view?.nextHop]), [macOf(40), 'resolved']);
    const line = (await agent.listNeighbours()).find(({ address }) => address === '20.1.1.40');
    assert.deepEqual(line?.backends, ['50.1.1.1:80']);
  });

  it('a route that moves to another next hop does not keep the old one’s MAC', async () => {
    bench.kernel.net.routes.push({ destination: '50.0.0.0/8', ifindex: 2, via: '20.1.1.40' });
    await agent.updateService({ ...update(2, []), backends: [{ address: '50.1.1.1', port: 80 }] });
    bench.kernel.net.routes[0] = { destination: '50.0.0.0/8', ifindex: 2, via: '20.1.1.99' };
    bench.kernel.net.emit({ kind: 'route' });
    await sleep(BURST_OVER);
    assert.deepEqual(await entryOf('50.1.1.1').then((view) => [view?.mac, view?.nextHop]), [undefined, 'no answer from 20.1.1.99 on eth0']);
  });

  it('without its route a backend keeps the source by which the replies of its flows are found', async () => {
    bench.kernel.net.routes.push({ destination: '50.0.0.0/8', ifindex: 2, via: '20.1.1.40' });
    await agent.updateService({ ...update(2, []), backends: [{ address: '50.1.1.1', port: 80 }] });
    bench.kernel.net.routes.length = 0;
    bench.kernel.net.emit({ kind: 'route' });
    await sleep(BURST_OVER);
    const entry = bench.datapath().backends.get(2);
    assert.deepEqual([entry?.address, entry?.source, entry?.nextHop], ['50.1.1.1', '20.1.1.1', undefined]);
  });

  it('lost events: everything is looked at again', async () => {
    const { listeners } = bench.kernel.net;
    const kept = [...listeners];
    listeners.clear();
    neighbour(10, '02:00:00:00:09:09', 'reachable');
    for (const listener of kept) listeners.add(listener);
    bench.kernel.net.emit({ kind: 'overrun' });
    await sleep(BURST_OVER);
    assert.deepEqual(written(), [['lb4_backends', '20.1.1.10', '02:00:00:00:09:09']]);
  });

  it('another MTU or MAC of the device reaches every backend behind it', async () => {
    bench.kernel.net.setInterface({ ...ETH0, mtu: 1400, mac: '02:00:00:00:00:99' });
    await sleep(BURST_OVER);
    const hops = [0, 1].map((id) => bench.datapath().backends.get(id)?.nextHop);
    assert.deepEqual(
      hops.map((hop) => [hop?.mtu, hop?.srcMac]),
      [
        [1400, '02:00:00:00:00:99'],
        [1400, '02:00:00:00:00:99'],
      ],
    );
  });

  it('a device that goes, comes back as another, or loses its address is a warning', async () => {
    const warnings = async () => (await agent.status()).warnings.join('\n');
    bench.kernel.net.setInterface({ ...ETH0, addresses: [] });
    await sleep(BURST_OVER);
    assert.match(await warnings(), /LB address 20.1.1.1 is not this node's any more/);
    const taken = ETH0.addresses.map((one) => ({ ...one, state: 'duplicate' as const }));
    bench.kernel.net.setInterface({ ...ETH0, addresses: taken });
    await sleep(BURST_OVER);
    assert.match(await warnings(), /LB address 20.1.1.1: another node on the link has it too/);
    bench.kernel.net.setInterface(ETH0);
    await sleep(BURST_OVER);
    assert.equal(await warnings(), '');
    bench.kernel.net.removeInterface(2);
    await sleep(BURST_OVER);
    assert.match(await warnings(), /device eth0 is gone/);
    bench.kernel.net.setInterface({ ...ETH0, index: 9 });
    await sleep(BURST_OVER);
    assert.match(await warnings(), /device eth0 was made anew/);
  });

  it('status shows the main address of each family of a device', async () => {
    bench.kernel.net.setInterface({ ...ETH0, addresses: [{ address: '2001:db8::1', prefixLength: 64 }, ...ETH0.addresses] });
    const [device] = (await agent.status()).devices;
    assert.deepEqual([device?.address, device?.addresses], ['20.1.1.1', ['20.1.1.1', '2001:db8::1']]);
  });

  it('packets to a backend carry an address that replies are recognised by', async () => {
    bench.kernel.net.setInterface(ETH1);
    const { view } = await agent.updateService({ ...update(2, []), backends: [{ address: '30.1.1.7', port: 80 }] });
    assert.equal(view.backends[0]?.device, 'eth1');
    // eth1 is not served: the kernel would choose 30.1.1.1, but replies to it are not known to the program.
    assert.equal(bench.datapath().backends.get(2)?.source, '20.1.1.1');
  });

  it('neighbor update asks again and answers when the kernel has an answer', async () => {
    neighbour(10, macOf(10), 'stale');
    bench.kernel.net.answers.set('20.1.1.10', '02:00:00:00:07:07');
    const view = await agent.updateNeighbour('20.1.1.10');
    assert.deepEqual([view.mac, view.state], ['02:00:00:00:07:07', 'reachable']);
  });

  it('after a restart the MAC in the map is kept while the kernel has forgotten it', async () => {
    await agent.close();
    bench.kernel.net.removeNeighbour(2, '20.1.1.10');
    agent = await bench.restart();
    assert.deepEqual(written(), []);
    assert.equal((await entryOf('20.1.1.10'))?.mac, macOf(10));
  });

  it('a state change of the backend and an event at the same time end in both', async () => {
    const call = agent.setBackend({ id: 1, backend: endpoint(10), state: 'terminating', weight: 7 });
    neighbour(10, '02:00:00:00:09:09', 'reachable');
    await call;
    await sleep(5);
    const entry = bench.datapath().backends.get(0);
    assert.deepEqual([entry?.state, entry?.weight, entry?.nextHop?.dstMac], ['terminating', 7, '02:00:00:00:09:09']);
  });
});
