// Flows streamed, shown and counted; those that have ended are left out.
// Imports agent/datapath, planes.ts and flow-fixtures.ts.
// The same tests run over the fake kernel and over this one.

import assert from 'node:assert/strict';
import type { FlowRecord } from '../../../agent/datapath/flow-record.js';
import type { FlowView } from '../../../agent/model/views.js';
import { FINISHED, HOSTS, markSlot, RESET, writeFlow } from './flow-fixtures.js';
import { describeTables, PLANE_CONFIG, type Plane, SIZES } from './planes.js';

const FAMILIES = [4, 6] as const;

async function collect(plane: Plane, filter?: { serviceId: number }): Promise<FlowRecord[]> {
  const found: FlowRecord[] = [];
  for await (const record of plane.datapath.flows.flows(filter)) found.push(record);
  return found.sort((a, b) => a.flow.snatPort - b.flow.snatPort);
}

async function collectViews(plane: Plane): Promise<(FlowView | undefined)[]> {
  return (await collect(plane)).map((record) => plane.datapath.flows.toView(record, (id) => plane.datapath.backends.get(id)));
}

/** Clients of the flows that are there, and the count of them, which must say the same. */
async function clients(plane: Plane): Promise<string[]> {
  const found = (await collect(plane)).map(({ tuple }) => tuple.saddr);
  assert.equal(await plane.datapath.flows.count(), found.length, 'flows counted and flows streamed');
  return found;
}

describeTables('flows', (plane) => {
  beforeEach(() => {
    plane().datapath.config.write(PLANE_CONFIG);
    for (const family of FAMILIES) plane().datapath.backends.set(HOSTS[family].backendId, HOSTS[family].backend);
  });

  for (const family of FAMILIES) {
    const { client, vip, backend, layout } = HOSTS[family];

    describe(`of IPv${family}`, () => {
      it('a SNAT flow is shown with both directions', async () => {
        writeFlow(plane(), { n: 1, family });
        plane().clock.pass(90);
        assert.deepEqual(await collectViews(plane()), [
          {
            source: client(1),
            sourcePort: 20000,
            destination: vip,
            destinationPort: 80,
            protocol: 'tcp',
            backend: backend.address,
            backendPort: 8080,
            mode: 'snat',
            snatPort: 1025,
            snatAddress: backend.source,
            state: 'ACTIVE',
            txPackets: 4,
            txBytes: 400,
            rxPackets: 3,
            rxBytes: 3000,
            age: 90,
            idle: 90,
          },
        ]);
      });

      it('a DSR flow is shown without replies and without a SNAT port', async () => {
        writeFlow(plane(), { n: 1, family, protocol: 'udp', flow: { action: 'dsr-ipip' } });
        const [view] = await collectViews(plane());
        assert.deepEqual(
          [view?.mode, view?.protocol, view?.snatPort, view?.rxPackets, view?.rxBytes],
          ['dsr-ipip', 'udp', undefined, undefined, undefined],
        );
      });

      it('the idle time is that of the last packet in either direction', async () => {
        writeFlow(plane(), { n: 1, family, reverse: null });
        plane().clock.pass(30);
        writeFlow(plane(), { n: 2, family, flow: { lastSeen: plane().clock.now() - 2500, created: plane().clock.now() - 5000 } });
        plane().clock.pass(1.5);
        assert.deepEqual(
          (await collectViews(plane())).map((view) => [view?.age, view?.idle]),
          [
            [31.5, 31.5],
            [21.5, 1.5],
          ],
        );
      });

      it("a reverse entry whose slot has gone to another flow is not taken for the flow's own", async () => {
        // Any one of the five tells them apart: another client, another connection of the same one, another service, another protocol.
        const tuple = { saddr: backend.address, daddr: HOSTS[family].lb, sport: 8080, dport: 1024 };
        const other = { clientAddr: client(999), serviceAddr: client(998) };
        const others = [
          { clientAddr: other.clientAddr },
          { clientPort: 20001 },
          { serviceAddr: other.serviceAddr },
          { servicePort: 443 },
          { tuple: { ...tuple, protocol: 'udp' as const } },
        ];
        others.forEach((reverse, n) => void writeFlow(plane(), { n, family, reverse }));
        assert.deepEqual(
          (await collect(plane())).map((record) => record.reverse),
          others.map(() => undefined),
        );
      });

      for (const how of ['empty', 'freed', 'busy'] as const) {
        it(`what stands in a slot that is ${how} is no flow, and no reverse entry`, async () => {
          for (const n of [1, 2, 3]) writeFlow(plane(), { n, family });
          markSlot(plane(), { n: 1, family }, 'flow', how);
          markSlot(plane(), { n: 2, family }, 'reverse', how);
          const records = await collect(plane());
          assert.deepEqual(
            records.map(({ tuple, reverse }) => [tuple.saddr, reverse !== undefined]),
            [
              [client(2), false],
              [client(3), true],
            ],
          );
          assert.equal(await plane().datapath.flows.count(), 2);
        });
      }

      it('a flow whose backend is gone has ended', async () => {
        for (const n of [1, 2]) writeFlow(plane(), { n, family, flow: { backendGeneration: n === 1 ? 4 : 5 } });
        assert.deepEqual(await clients(plane()), [client(2)]);
        plane().datapath.backends.free(HOSTS[family].backendId);
        assert.deepEqual(await clients(plane()), []);
      });

      // What was seen of client and backend, and the seconds after which the flow has ended (the defaults of the settings).
      const ends: readonly (readonly [string, Omit<Parameters<typeof writeFlow>[1], 'n'>, number])[] = [
        ['finished by both', { flow: { tcpSeen: FINISHED }, reverse: { tcpSeen: FINISHED } }, 10],
        ['reset by the backend', { reverse: { tcpSeen: RESET } }, 10],
        ['reset by the client of a DSR flow', { flow: { tcpSeen: RESET, action: 'dsr-l2' } }, 10],
        ['finished by the client alone', { flow: { tcpSeen: FINISHED } }, 21600],
        ['established', {}, 21600],
        ['half open, though answered', { flow: { tcpSeen: 1 } }, 60],
        ['of UDP', { protocol: 'udp' }, 60],
      ];
      for (const [name, spec, seconds] of ends) {
        it(`a flow ${name} has ended when it has rested for ${seconds} s`, async () => {
          writeFlow(plane(), { n: 1, family, ...spec });
          plane().clock.pass(seconds - 0.1);
          assert.deepEqual(await clients(plane()), [client(1)]);
          plane().clock.pass(0.1);
          assert.deepEqual(await clients(plane()), []);
        });
      }

      it('a packet of the backend keeps a flow alive, one of the slot’s next owner does not', async () => {
        const now = plane().clock.now();
        const lastSeen = (now + 250 * 20) >>> 0;
        writeFlow(plane(), { n: 1, family, protocol: 'udp', reverse: { lastSeen } });
        writeFlow(plane(), { n: 2, family, protocol: 'udp', reverse: { lastSeen, clientPort: 20001 } });
        plane().clock.pass(79.9);
        assert.deepEqual(await clients(plane()), [client(1)]);
        plane().clock.pass(0.1);
        assert.deepEqual(await clients(plane()), []);
      });

      it('only the flows of the service asked for are streamed, each once', async () => {
        for (let n = 0; n < 1500; n++) writeFlow(plane(), { n, family, flow: { serviceId: n % 3 === 0 ? 8 : 7 } });
        assert.equal((await collect(plane())).length, 1500);
        const found = await collect(plane(), { serviceId: 8 });
        assert.deepEqual(
          found.map((record) => record.flow.snatPort),
          Array.from({ length: 500 }, (_, i) => 1024 + i * 3),
        );
        assert.ok(found.every((record) => record.reverse !== undefined));
        assert.equal(await plane().datapath.flows.count({ serviceId: 8 }), 500);
      });

      it('a table that is full to its last slot is read to its last slot', async () => {
        for (const n of [0, SIZES.maxFlows - 1]) writeFlow(plane(), { n, family, flow: { action: 'dsr-l2' } });
        assert.deepEqual(new Set(await clients(plane())), new Set([client(0), client(SIZES.maxFlows - 1)]));
        assert.equal(plane().maps.get(layout.maps.conntrack)?.maxEntries, SIZES.maxFlows);
      });
    });
  }

  it('a flow is not shown when its backend goes after it was read', async () => {
    writeFlow(plane(), { n: 1 });
    const [record] = await collect(plane());
    assert.ok(record);
    for (const backend of [undefined, { ...HOSTS[4].backend, generation: 6 }])
      assert.equal(
        plane().datapath.flows.toView(record, () => backend),
        undefined,
      );
  });

  it('flows of both families are streamed and counted together', async () => {
    for (const family of FAMILIES) for (const n of [family, family + 10]) writeFlow(plane(), { n, family, flow: { serviceId: family } });
    assert.deepEqual(new Set(await clients(plane())), new Set(FAMILIES.flatMap((f) => [HOSTS[f].client(f), HOSTS[f].client(f + 10)])));
    for (const family of FAMILIES) assert.equal(await plane().datapath.flows.count({ serviceId: family }), 2);
  });

  it('who asks for the count of all in one turn shares one pass, which sees what was there when the last one asked', async () => {
    const first = plane().datapath.flows.survey();
    writeFlow(plane(), { n: 1 });
    const second = plane().datapath.flows.survey();
    assert.equal(await first, await second);
    assert.equal((await first).entries, 1);
    assert.notEqual(await plane().datapath.flows.survey(), await first, 'a later one has a pass of its own');
  });

  it('before the settings are written no flow is known to have ended', async () => {
    plane().datapath.config.write({ ...PLANE_CONFIG, ticksPerSecond: 0 });
    writeFlow(plane(), { n: 1, flow: { tcpSeen: FINISHED }, reverse: { tcpSeen: FINISHED } });
    plane().clock.pass(100_000);
    assert.deepEqual(await clients(plane()), [HOSTS[4].client(1)]);
  });

  it('the stream lets the event loop run and can be left at any time', async () => {
    for (let n = 0; n < 3000; n++) writeFlow(plane(), { n });
    let turns = 0;
    let next: NodeJS.Immediate;
    const turn = (): void => {
      turns++;
      next = setImmediate(turn);
    };
    next = setImmediate(turn);
    let seen = 0;
    for await (const _ of plane().datapath.flows.flows()) if (++seen === 2900) break;
    clearImmediate(next);
    assert.equal(seen, 2900);
    assert.ok(turns > 0);
    assert.equal(await plane().datapath.flows.count(), 3000);
  });

  it('the limit is the size of both flow tables', () => {
    assert.equal(plane().datapath.flows.limit, 2 * SIZES.maxFlows);
  });
});
