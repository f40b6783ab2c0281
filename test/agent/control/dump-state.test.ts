// dumpState() of the running agent: which flows it shows, over entries written as the data plane writes them.

import assert from 'node:assert/strict';
import type { Agent } from '../../../agent/control/agent.js';
import { encodeIndex, SLOT4, TCP_SEEN } from '../../../agent/datapath/layout.js';
import { TestBench, update } from './support.js';

describe('dumpState', () => {
  let bench: TestBench;
  let agent: Agent;
  beforeEach(async () => {
    bench = new TestBench();
    agent = await bench.start();
  });
  afterEach(async () => {
    await agent.close();
    bench.dispose();
  });

  /** A DSR flow of the service to the backend in this slot. */
  function writeFlow(serviceId: number, backendId: number, sport: number): void {
    const map = bench.map('ct4');
    const now = bench.kernel.ticks;
    const times = { lastSeen: now, created: now, refreshed: now };
    const counted = { packets: 1, bytes: 54, tcpSeen: TCP_SEEN.syn };
    const owner = { serviceId, backendId, backendGeneration: 1, snatPort: 0, reverse: 0, snatSource: 0, action: 'dsr-ipip' } as const;
    const tuple = { saddr: '10.0.0.1', daddr: '40.1.1.1', sport, dport: 80 + serviceId, protocol: 'tcp' } as const;
    map.update(encodeIndex(sport % map.maxEntries), SLOT4.encode({ tuple, flow: { ...times, ...counted, ...owner } }));
    map.close();
  }

  it('shows the flows of the service asked for and of no other', async () => {
    await agent.updateService(update(1, [10]));
    await agent.updateService(update(2, [20]));
    writeFlow(1, 0, 1001);
    writeFlow(2, 1, 1002);
    writeFlow(1, 0, 1003);
    for (const [id, expected] of [
      [1, ['20.1.1.10 1001', '20.1.1.10 1003']],
      [2, ['20.1.1.20 1002']],
    ] as const) {
      const seen: string[] = [];
      for await (const { backend, sourcePort } of agent.dumpState(id)) seen.push(`${backend} ${sourcePort}`);
      assert.deepEqual(seen.sort(), expected);
    }
  });
});
