// Any sequence of calls, writes that fail and restarts: the maps always hold what the last accepted state says, and no more.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Agent } from '../../../agent/control/agent.js';
import { vipBit } from '../../../agent/datapath/tuple-hash.js';
import { addressBytes } from '../../../agent/model/address.js';
import { BACKEND_STATES, MODES, type Service } from '../../../agent/model/service.js';
import { DUAL, endpoint, MAGLEV_SIZE, makeKernel, TestBench, update, VIPS } from './support.js';

const id = fc.integer({ min: 1, max: 3 });
const last = fc.constantFrom(10, 20, 30, 40);
const family = fc.constantFrom(4 as const, 6 as const);
const call = fc.oneof(
  fc.record({
    kind: fc.constant('update' as const),
    id,
    backends: fc.uniqueArray(last, { minLength: 1 }),
    port: fc.integer({ min: 1, max: 4 }),
    family,
  }),
  fc.record({ kind: fc.constant('delete' as const), id }),
  fc.record({ kind: fc.constant('backend' as const), id, last, family, state: fc.constantFrom(...BACKEND_STATES), weight: fc.nat(3) }),
  fc.record({ kind: fc.constant('mode' as const), mode: fc.constantFrom(...MODES) }),
  fc.record({ kind: fc.constant('own-mode' as const), id, mode: fc.constantFrom(...MODES, 'default' as const) }),
  fc.record({ kind: fc.constant('restart' as const), maxFlows: fc.constantFrom(64, 128) }),
);
type Call = typeof call extends fc.Arbitrary<infer Value> ? Value : never;

const step = fc.record({ call, failAt: fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined, freq: 3 }) });

async function carryOut(agent: Agent, made: Exclude<Call, { kind: 'restart' }>): Promise<unknown> {
  switch (made.kind) {
    case 'update':
      return agent.updateService(
        update(made.id, made.backends, { frontend: { address: VIPS[made.family], port: made.port, protocol: 'tcp' } }, made.family),
      );
    case 'delete':
      return agent.deleteService(made.id);
    case 'backend':
      return agent.setBackend({ id: made.id, backend: endpoint(made.last, 80, made.family), state: made.state, weight: made.weight });
    case 'mode':
      return agent.setMode(made.mode);
    case 'own-mode':
      return agent.updateService(update(made.id, undefined, { frontend: undefined, mode: made.mode }));
  }
}

/** What the maps must hold, worked out from the agent's answers alone. */
async function checkMaps(bench: TestBench, agent: Agent): Promise<void> {
  const services = await agent.listServices();
  const datapath = bench.datapath();
  const entries = await datapath.services.entries();
  const found = await datapath.backends.entries();
  const slots = new Map(found);
  assert.equal(slots.size, found.length, 'an id is used by one family');
  assert.equal(entries.length, services.length);
  assert.equal(
    slots.size,
    services.reduce((sum, { backends }) => sum + backends.length, 0),
  );
  for (const service of services) {
    const entry = datapath.services.get(service.frontend);
    const serving = service.backends.filter(({ state, weight }) => state === 'active' && weight > 0);
    assert.deepEqual(
      [entry?.id, entry?.action, entry?.backendCount],
      [service.id, service.mode === 'snat' ? 'snat' : 'dsr-ipip', serving.length],
    );
    for (const { backendId, address, port, weight, state } of service.backends) {
      const slot = slots.get(backendId);
      assert.deepEqual([slot?.serviceId, slot?.address, slot?.port, slot?.weight, slot?.state], [service.id, address, port, weight, state]);
      assert.notEqual(slot?.generation, 0);
    }
    const table = await datapath.maglev.get(service.id, MAGLEV_SIZE);
    if (serving.length === 0) continue;
    assert.equal(table?.length, MAGLEV_SIZE);
    const named = new Set(table);
    for (const backendId of named)
      assert.ok(
        serving.some((backend) => backend.backendId === backendId),
        `table names slot ${backendId}`,
      );
    if (serving.every(({ weight }) => weight === serving[0]?.weight)) assert.equal(named.size, serving.length);
  }
  datapath.close();
  const bits = services.map(({ frontend }) => vipBit(addressBytes(frontend.address)));
  const known = new Set(bench.vips());
  assert.ok(
    bits.every((bit) => known.has(bit)),
    'each address of a service has its bit',
  );
  assert.deepEqual(bench.devices(), ['1: 2 02:00:00:00:00:01']);
}

describe('any sequence of calls', () => {
  it('leaves maps that say what the agent says, also with failing writes and restarts between', async function () {
    this.timeout(200_000); // each change waits for the disk, several hundred times
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const bench = new TestBench(makeKernel(DUAL));
        try {
          let agent = await bench.start();
          for (const { call: made, failAt } of steps) {
            if (made.kind === 'restart') {
              const before: readonly (Service | object)[] = await agent.listServices();
              await agent.close();
              agent = await bench.restart({ maxFlows: made.maxFlows });
              assert.deepEqual(withoutIds(await agent.listServices()), withoutIds(before));
            } else {
              const before = [await agent.listServices(), await agent.getMode()];
              const check = bench.kernel.checkFault;
              let writes = 0;
              bench.kernel.checkFault = (operation) => {
                if (operation === 'map-write' && ++writes === failAt) throw new Error('refused');
              };
              const failed = await carryOut(agent, made).then(
                () => false,
                () => true,
              );
              bench.kernel.checkFault = check;
              if (failed) assert.deepEqual([await agent.listServices(), await agent.getMode()], before);
            }
            await checkMaps(bench, agent);
          }
          await agent.close();
        } finally {
          bench.dispose();
        }
      }),
      // A failure is shrunk no longer than this, so that it is told by its calls and not as a test that took too long.
      { numRuns: 60, interruptAfterTimeLimit: 180_000, markInterruptAsFailure: true },
    );
  });
});

/** Backends may get other slots in the maps of another layout. */
function withoutIds(services: readonly object[]): unknown {
  return JSON.parse(JSON.stringify(services, (key, value) => (key === 'backendId' ? undefined : value)));
}
