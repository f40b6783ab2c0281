// Flows streamed, shown, counted and purged.
// Imports agent/datapath, planes.ts and flow-fixtures.ts.
// The same tests run over the fake kernel and over this one.

import assert from 'node:assert/strict';
import type { FlowRecord } from '../../../agent/datapath/flow-record.js';
import { BACKEND, BACKEND_ID, FINISHED, mapOf, present, writeFlow } from './flow-fixtures.js';
import { describeTables, type Plane } from './planes.js';

const TIMEOUTS = { syn: 60, established: 21600, closing: 10, udp: 60 };

async function collect(plane: Plane, filter?: { serviceId: number }): Promise<FlowRecord[]> {
  const found: FlowRecord[] = [];
  for await (const record of plane.datapath.flows.flows(filter)) found.push(record);
  return found.sort((a, b) => a.flow.snatPort - b.flow.snatPort);
}

describeTables('flows', (plane) => {
  beforeEach(() => plane().datapath.backends.set(BACKEND_ID, BACKEND));

  it('a SNAT flow is shown with both directions', async () => {
    writeFlow(plane(), { n: 1 });
    plane().clock.pass(90);
    const [record] = await collect(plane());
    assert.ok(record);
    const view = plane().datapath.flows.toView(record, (id) => plane().datapath.backends.get(id));
    assert.deepEqual(view, {
      source: '10.0.0.1',
      sourcePort: 20000,
      destination: '40.1.1.1',
      destinationPort: 80,
      protocol: 'tcp',
      backend: '20.1.1.10',
      backendPort: 8080,
      mode: 'snat',
      snatPort: 1025,
      state: 'ACTIVE',
      txPackets: 4,
      txBytes: 400,
      rxPackets: 3,
      rxBytes: 3000,
      age: 90,
      idle: 90,
    });
  });

  it('a DSR flow is shown without replies and without a SNAT port', async () => {
    writeFlow(plane(), { n: 1, protocol: 'udp', flow: { action: 'dsr-ipip', snatPort: 0 } });
    const [record] = await collect(plane());
    assert.ok(record);
    const view = plane().datapath.flows.toView(record, (id) => plane().datapath.backends.get(id));
    assert.deepEqual(
      [view?.mode, view?.protocol, view?.snatPort, view?.rxPackets, view?.rxBytes],
      ['dsr-ipip', 'udp', undefined, undefined, undefined],
    );
  });

  it('the idle time is that of the last packet in either direction', async () => {
    writeFlow(plane(), { n: 1, reverse: null });
    plane().clock.pass(30);
    writeFlow(plane(), { n: 2, flow: { lastSeen: plane().clock.now() - 2500, created: plane().clock.now() - 5000 } });
    plane().clock.pass(1.5);
    const views = (await collect(plane())).map((record) => plane().datapath.flows.toView(record, () => BACKEND));
    assert.deepEqual(
      views.map((view) => [view?.age, view?.idle]),
      [
        [31.5, 31.5],
        [21.5, 1.5],
      ],
    );
  });

  it('a flow is not shown when its backend is gone', async () => {
    writeFlow(plane(), { n: 1 });
    const [record] = await collect(plane());
    assert.ok(record);
    assert.equal(
      plane().datapath.flows.toView(record, () => undefined),
      undefined,
    );
    assert.equal(
      plane().datapath.flows.toView(record, () => ({ ...BACKEND, generation: 6 })),
      undefined,
    );
  });

  it("a reverse entry whose port has gone to another flow is not taken for the flow's own", async () => {
    // Any one of the four tells them apart: another client, another connection of the same one, another service.
    const others = [{ clientAddr: '10.9.9.9' }, { clientPort: 20001 }, { serviceAddr: '40.1.1.2' }, { servicePort: 443 }];
    others.forEach((reverse, n) => void writeFlow(plane(), { n, reverse }));
    const records = await collect(plane());
    assert.deepEqual(
      records.map((record) => record.reverse),
      others.map(() => undefined),
    );
  });

  it('only the flows of the service asked for are streamed, each once', async () => {
    for (let n = 0; n < 1500; n++) writeFlow(plane(), { n, flow: { serviceId: n % 3 === 0 ? 8 : 7 } });
    assert.equal((await collect(plane())).length, 1500);
    const found = await collect(plane(), { serviceId: 8 });
    assert.deepEqual(
      found.map((record) => record.flow.snatPort),
      Array.from({ length: 500 }, (_, i) => 1024 + i * 3),
    );
    assert.ok(found.every((record) => record.reverse !== undefined));
  });

  it('the stream lets the event loop run and can be left at any time', async () => {
    for (let n = 0; n < 1500; n++) writeFlow(plane(), { n });
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    let seen = 0;
    for await (const _ of plane().datapath.flows.flows()) if (++seen === 1300) break;
    clearInterval(timer);
    assert.equal(seen, 1300);
    assert.ok(turns > 0);
    assert.equal(await plane().datapath.flows.count(), 1500);
  });

  it('entries are counted, of all services or one', async () => {
    for (let n = 0; n < 10; n++) writeFlow(plane(), { n, flow: { serviceId: n < 4 ? 8 : 7 } });
    assert.equal(await plane().datapath.flows.count(), 10);
    assert.equal(await plane().datapath.flows.count({ serviceId: 8 }), 4);
  });

  it("purging removes a service's flows with their reverse entries and nothing else", async () => {
    for (let n = 0; n < 1200; n++)
      writeFlow(plane(), { n, flow: { serviceId: n % 2 === 0 ? 8 : 7 }, reverse: { serviceId: n % 2 === 0 ? 8 : 7 } });
    assert.equal(await plane().datapath.flows.purge(8), 600);
    assert.equal(await plane().datapath.flows.purge(8), 0);
    for (const n of [0, 2, 1198]) assert.equal(present(plane(), { n }), 'none');
    for (const n of [1, 3, 1199]) assert.equal(present(plane(), { n }), 'flow+reverse');
    assert.equal(await plane().datapath.flows.count(), 600);
  });

  it('a flow has expired when it has rested for its timeout', async () => {
    writeFlow(plane(), { n: 1, flow: { tcpSeen: FINISHED }, reverse: { tcpSeen: FINISHED } });
    const [record] = await collect(plane());
    assert.ok(record);
    const { flows } = plane().datapath;
    plane().clock.pass(9.9);
    assert.equal(flows.isExpired(record, TIMEOUTS), false);
    plane().clock.pass(0.1);
    assert.equal(flows.isExpired(record, TIMEOUTS), true);
  });

  it('the limit is the size of the conntrack map', () => {
    assert.equal(plane().datapath.flows.limit, mapOf(plane(), 'ct4').maxEntries);
  });
});
