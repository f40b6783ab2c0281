// What the sweep removes, when, and what it leaves; packets that come in the middle of it.
// Imports agent/datapath, planes.ts and flow-fixtures.ts.
// The timeouts are tested a tenth of a second before they end and when they end.

import assert from 'node:assert/strict';
import type { SweepResult } from '../../../agent/datapath/flow-sweep.js';
import { FLOW, TCP_SEEN } from '../../../agent/datapath/layout.js';
import {
  BACKEND,
  BACKEND_ID,
  FINISHED,
  type FlowSpec,
  forwardKey,
  mapOf,
  OPEN,
  present,
  RESET,
  writeFlow,
  writeReverse,
} from './flow-fixtures.js';
import { describeTables, interrupt, openFakePlane, type Plane } from './planes.js';

const TIMEOUTS = { syn: 60, established: 21600, closing: 10, udp: 60 };

function sweep(plane: Plane): Promise<SweepResult> {
  const { backends, flows } = plane.datapath;
  return flows.sweepExpired({ timeouts: TIMEOUTS, backendIsLive: (id, generation) => backends.isLive(id, generation) });
}

describeTables('the sweep', (plane) => {
  beforeEach(() => plane().datapath.backends.set(BACKEND_ID, BACKEND));

  /** Seconds of rest after which a flow goes, and with what it was seen. */
  const timeouts: [string, number, Omit<FlowSpec, 'n'>][] = [
    ['a connection whose client sent only SYNs', 60, { flow: { tcpSeen: TCP_SEEN.syn }, reverse: { tcpSeen: TCP_SEEN.other } }],
    ['an established connection', 21600, {}],
    ['a half-closed connection', 21600, { flow: { tcpSeen: FINISHED } }],
    ['a connection closed both ways', 10, { flow: { tcpSeen: FINISHED }, reverse: { tcpSeen: TCP_SEEN.other | TCP_SEEN.fin } }],
    ['a connection that the client reset', 10, { flow: { tcpSeen: RESET } }],
    ['a connection that the backend reset', 10, { reverse: { tcpSeen: TCP_SEEN.other | TCP_SEEN.rst } }],
    ['a DSR connection that the client closed', 10, { flow: { action: 'dsr-ipip', snatPort: 0, tcpSeen: FINISHED } }],
    ['an open DSR connection', 21600, { flow: { action: 'dsr-l2', snatPort: 0, tcpSeen: OPEN } }],
    ['UDP', 60, { protocol: 'udp' }],
    ['UDP in DSR', 60, { protocol: 'udp', flow: { action: 'dsr-ipip', snatPort: 0 } }],
  ];
  for (const [name, seconds, spec] of timeouts) {
    it(`${name} goes after ${seconds} s of rest, with its reverse entry, and not before`, async () => {
      const flow = { n: 1, ...spec };
      writeFlow(plane(), flow);
      const before = present(plane(), flow);
      plane().clock.pass(seconds - 0.1);
      assert.deepEqual(await sweep(plane()), { scanned: 1, removed: 0, orphans: 0 });
      assert.equal(present(plane(), flow), before);
      plane().clock.pass(0.1);
      assert.deepEqual(await sweep(plane()), { scanned: 1, removed: 1, orphans: 0 });
      assert.equal(present(plane(), flow), 'none');
    });
  }

  it('replies keep a flow alive whose client is silent', async () => {
    const flow: FlowSpec = { n: 1, protocol: 'udp' };
    writeFlow(plane(), flow);
    plane().clock.pass(59);
    writeReverse(plane(), flow);
    plane().clock.pass(30);
    assert.equal((await sweep(plane())).removed, 0);
    plane().clock.pass(30);
    assert.equal((await sweep(plane())).removed, 1);
  });

  it('requests keep a flow alive whose backend is silent', async () => {
    const flow: FlowSpec = { n: 1, protocol: 'udp' };
    writeFlow(plane(), flow);
    plane().clock.pass(59);
    writeFlow(plane(), { ...flow, reverse: null });
    plane().clock.pass(30);
    assert.equal((await sweep(plane())).removed, 0);
    assert.equal(present(plane(), flow), 'flow+reverse');
  });

  it('a flow whose backend is gone goes at once, its reverse entry when it has rested', async () => {
    writeFlow(plane(), { n: 1 });
    plane().datapath.backends.free(BACKEND_ID);
    assert.deepEqual(await sweep(plane()), { scanned: 1, removed: 1, orphans: 0 });
    assert.equal(present(plane(), { n: 1 }), 'reverse');
    plane().clock.pass(10);
    assert.deepEqual(await sweep(plane()), { scanned: 0, removed: 0, orphans: 1 });
    assert.equal(present(plane(), { n: 1 }), 'none');
  });

  it('a flow whose slot has another generation of the same backend goes at once with its reverse entry', async () => {
    writeFlow(plane(), { n: 1 });
    writeFlow(plane(), { n: 2, flow: { backendGeneration: 6 } });
    plane().datapath.backends.set(BACKEND_ID, { ...BACKEND, generation: 6 });
    assert.equal((await sweep(plane())).removed, 1);
    assert.equal(present(plane(), { n: 1 }), 'none');
    assert.equal(present(plane(), { n: 2 }), 'flow+reverse');
  });

  it('a reverse entry without its flow waits as long as an established connection', async () => {
    writeReverse(plane(), { n: 1 });
    writeReverse(plane(), { n: 2, reverse: { tcpSeen: RESET } });
    plane().clock.pass(60);
    assert.deepEqual(await sweep(plane()), { scanned: 0, removed: 0, orphans: 1 });
    assert.equal(present(plane(), { n: 2 }), 'none');
    plane().clock.pass(21600);
    assert.deepEqual(await sweep(plane()), { scanned: 0, removed: 0, orphans: 1 });
    assert.equal(present(plane(), { n: 1 }), 'none');
  });

  it("a reverse entry is no part of the flow with its client's tuple that has another SNAT port now", async () => {
    writeFlow(plane(), { n: 1, flow: { snatPort: 5000 } });
    plane().clock.pass(21600);
    writeFlow(plane(), { n: 1, flow: { snatPort: 5000 }, reverse: null });
    assert.deepEqual(await sweep(plane()), { scanned: 1, removed: 0, orphans: 1 });
    assert.equal(present(plane(), { n: 1 }), 'flow');
  });

  it('thousands are swept in batches: what has ended goes, the rest stays', async () => {
    for (let n = 0; n < 3000; n++) writeFlow(plane(), { n, flow: n % 3 === 0 ? { tcpSeen: RESET } : {} });
    plane().clock.pass(20);
    assert.deepEqual(await sweep(plane()), { scanned: 3000, removed: 1000, orphans: 0 });
    for (let n = 0; n < 3000; n += 7) assert.equal(present(plane(), { n }), n % 3 === 0 ? 'none' : 'flow+reverse');
  });
});

describe('the sweep beside traffic', () => {
  let plane: Plane;
  beforeEach(async () => {
    plane = await openFakePlane();
    plane.datapath.backends.set(BACKEND_ID, BACKEND);
  });

  it('a flow that gets a packet after its batch was read stays', async () => {
    const flow: FlowSpec = { n: 1, protocol: 'udp' };
    writeFlow(plane, flow);
    plane.clock.pass(100);
    const conntrack = mapOf(plane, 'ct4');
    const busy = interrupt(plane, 'ct4', () => {
      const value = conntrack.lookup(forwardKey(flow)) as Buffer;
      value.writeUInt32LE(plane.clock.now(), FLOW.fields.lastSeen.offset);
      conntrack.update(forwardKey(flow), value);
    });
    assert.deepEqual(await sweep(busy), { scanned: 1, removed: 0, orphans: 0 });
    assert.equal(present(plane, flow), 'flow+reverse');
  });

  it('a flow that gets a reply after its batch was read stays', async () => {
    const flow: FlowSpec = { n: 1, protocol: 'udp' };
    writeFlow(plane, flow);
    plane.clock.pass(100);
    const busy = interrupt(plane, 'ct4', () => writeReverse(plane, flow));
    assert.equal((await sweep(busy)).removed, 0);
    assert.equal(present(plane, flow), 'flow+reverse');
  });

  it('an orphan that gets a reply after its batch was read stays', async () => {
    writeReverse(plane, { n: 1, protocol: 'udp' });
    plane.clock.pass(100);
    const busy = interrupt(plane, 'snat4', () => writeReverse(plane, { n: 1, protocol: 'udp' }));
    assert.deepEqual(await sweep(busy), { scanned: 0, removed: 0, orphans: 0 });
    assert.equal(present(plane, { n: 1, protocol: 'udp' }), 'reverse');
  });

  it('an orphan that a flow takes over after its batch was read stays', async () => {
    const flow: FlowSpec = { n: 1, protocol: 'udp' };
    writeReverse(plane, flow);
    plane.clock.pass(100);
    const busy = interrupt(plane, 'snat4', () => writeFlow(plane, flow));
    assert.deepEqual(await sweep(busy), { scanned: 0, removed: 0, orphans: 0 });
    assert.equal(present(plane, flow), 'flow+reverse');
  });

  it('a failing map ends the sweep with its error, and the next sweep does the work', async () => {
    writeFlow(plane, { n: 1, protocol: 'udp' });
    plane.clock.pass(100);
    const broken = interrupt(plane, 'ct4', () => {
      throw new Error('the map is gone');
    });
    await assert.rejects(sweep(broken), /the map is gone/);
    assert.equal((await sweep(plane)).removed, 1);
  });
});
