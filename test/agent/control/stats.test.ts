// What services and backends counted, on a machine in memory: backends that come and go, restarts, and calls that fail.
// Imports the agent's types and support.ts. The test writes the counters as the data plane would.

import assert from 'node:assert/strict';
import type { Agent } from '../../../agent/control/agent.js';
import { BACKEND_STATS, type BackendStats, encodeIndex, REFUSALS } from '../../../agent/datapath/layout.js';
import { NO_REFUSALS, NO_STATS } from '../../../agent/datapath/stats-table.js';
import { TRAFFIC } from '../../../agent/model/stats.js';
import { makeKernel, TestBench, update } from './support.js';

describe('what services and backends counted', () => {
  let bench: TestBench;
  let agent: Agent;
  beforeEach(async () => {
    bench = new TestBench(makeKernel());
    agent = await bench.start();
  });
  afterEach(() => bench.dispose());

  /** All CPUs but the first have counted nothing. */
  const writeFirstCpu = (name: string, index: number, value: Buffer) => {
    const map = bench.map(name);
    map.update(encodeIndex(index), Buffer.concat([value, Buffer.alloc(map.valueSize - value.length)]));
    map.close();
  };
  const counted = (n: number): BackendStats => ({ packets: n, bytes: 100 * n, replyPackets: 2 * n, replyBytes: 200 * n, newFlows: 3 * n });
  const count = (id: number, n: number) => writeFirstCpu('backend_stats', id, BACKEND_STATS.encode(counted(n)));
  const traffic = <Row extends BackendStats>(row: Row | undefined) =>
    row === undefined ? undefined : Object.fromEntries(TRAFFIC.map((name) => [name, row[name]]));
  const service = async (id = 1) => (await agent.readStats()).services.find((one) => one.id === id);

  it('a service has what its backends have, by address', async () => {
    await agent.updateService(update(1, [10, 20]));
    await agent.updateService(update(2, [10]));
    count(0, 10);
    count(1, 20);
    count(2, 40);
    const { services } = await agent.readStats();
    assert.deepEqual(services.map(traffic), [counted(30), counted(40)]);
    assert.deepEqual(
      services.map(({ backends }) => backends.map(({ address, backendId, packets }) => [address, backendId, packets])),
      [
        [
          ['20.1.1.10', 0, 10],
          ['20.1.1.20', 1, 20],
        ],
        [['20.1.1.10', 2, 40]],
      ],
    );
  });

  it('a backend that leaves takes nothing away from its service, and its slot’s next backend begins with nothing', async () => {
    await agent.updateService(update(1, [10, 20]));
    count(0, 10);
    count(1, 20);
    await agent.updateService(update(1, [20]));
    assert.deepEqual(traffic(await service()), counted(30));
    count(0, 11); // a packet that was on its way
    await agent.updateService(update(2, [30]));
    const next = await service(2);
    assert.deepEqual([next?.backends[0]?.backendId, traffic(next)], [0, NO_STATS]);
    await agent.updateService(update(1, [10, 20]));
    const back = await service();
    assert.deepEqual([traffic(back), traffic(back?.backends[0])], [counted(30), NO_STATS]);
  });

  it('outlives the agent', async () => {
    await agent.updateService(update(1, [10, 20]));
    count(0, 10);
    count(1, 20);
    await agent.updateService(update(1, [20]));
    agent = await bench.restart();
    assert.deepEqual(traffic(await service()), counted(30));
  });

  it('goes with its service: another of the same id begins with nothing', async () => {
    await agent.updateService(update(1, [10]));
    count(0, 10);
    writeFirstCpu('service_refused', 1, REFUSALS.encode({ ...NO_REFUSALS, noBackend: 3, flowTable: 4 }));
    const before = await service();
    assert.deepEqual([before?.refused.no_backend, before?.refused.flow_table, before?.refusedPackets], [3, 4, 7]);
    await agent.deleteService(1);
    await agent.updateService(update(1, [10]));
    const after = await service();
    assert.deepEqual([traffic(after), after?.refusedPackets], [NO_STATS, 0]);
  });

  it('is as it was after a call that failed, at whichever write', async () => {
    await agent.updateService(update(1, [10, 20]));
    count(0, 10);
    count(1, 20);
    const before = await service();
    let refused = 0;
    for (; ; refused++) {
      bench.kernel.failOn('map-write', refused + 1);
      const failed = await agent.deleteService(1).then(
        () => false,
        () => true,
      );
      if (!failed) break;
      assert.deepEqual(await service(), before, `write ${refused + 1}`);
    }
    assert.ok(refused > 5, `${refused} writes`);
  });
});
