// QUIC server ids on a machine in memory: from the call to the maps, through the state file, and out of the maps again.
// Imports the agent's types and support.ts.

import assert from 'node:assert/strict';
import type { Agent } from '../../../agent/control/agent.js';
import { formatState, parseState } from '../../../agent/control/state/desired-state.js';
import { rebuildState } from '../../../agent/control/state/rebuild-state.js';
import type { DesiredState } from '../../../agent/model/service.js';
import { DUAL, makeKernel, TestBench, update } from './support.js';

const FRONTEND = { address: '40.1.1.1', port: 443, protocol: 'udp' } as const;

describe('QUIC server ids', () => {
  let bench: TestBench;
  let agent: Agent;
  beforeEach(async () => {
    bench = new TestBench(makeKernel(DUAL));
    agent = await bench.start();
    bench.kernel.journal.length = 0;
  });
  afterEach(() => bench.dispose());

  const quic = (backends: readonly number[] | undefined, more: object = {}) => update(7, backends, { frontend: FRONTEND, ...more });
  const servers = async () => (await bench.datapath().quic.entries()).map(([{ serviceId, id }, to]) => `${serviceId} ${id} ${to}`).sort();

  it('stand in the map before the service asks for them, and go before the slot of their backend does', async () => {
    const { view } = await agent.updateService(quic([10, 20], { quic: 2, quicIds: ['0a01', '0a02'] }));
    assert.deepEqual([view.quic, view.backends.map(({ quicId }) => quicId)], [2, ['0a01', '0a02']]);
    assert.deepEqual(await servers(), ['7 0a01 0', '7 0a02 1']);
    assert.deepEqual(bench.datapath().services.get(FRONTEND)?.quic, { config: 2, bytes: 2 });
    const writes = bench.writes();
    assert.ok(writes.lastIndexOf('quic_servers') < writes.indexOf('lb4_services'), writes.join());
    bench.kernel.journal.length = 0;
    await agent.updateService(quic([10]));
    assert.deepEqual(await servers(), ['7 0a01 0']);
    const gone = bench.writes();
    assert.ok(gone.indexOf('quic_servers delete') < gone.lastIndexOf('lb4_backends'), gone.join());
    await agent.updateService(quic(undefined, { quic: 'off' }));
    assert.deepEqual([await servers(), bench.datapath().services.get(FRONTEND)?.quic], [[], undefined]);
  });

  it('go with their service', async () => {
    await agent.updateService(quic([10, 20], { quic: 0, quicIds: ['0a01', '0a02'] }));
    await agent.deleteService(7);
    assert.deepEqual(await servers(), []);
  });

  it('are refused when they cannot be told apart', async () => {
    const refused = [
      [{ quic: 0 }, /20.1.1.10:80: it has no QUIC server id/],
      [{ quic: 0, quicIds: ['0a01', '0a01'] }, /20.1.1.20:80: another backend has its QUIC server id 0a01/],
      [{ quic: 0, quicIds: ['0a01', '0a'] }, /20.1.1.20:80: its QUIC server id 0a is of another length/],
      [{ quic: 0, quicIds: ['0a01'] }, /1 QUIC server ids for 2 backends/],
      [{ quicIds: ['0a01', '0a02'] }, /server ids without a configuration/],
      [{ quic: 0, quicIds: ['0a01', '0a02'], frontend: { ...FRONTEND, protocol: 'tcp' } }, /QUIC runs over UDP/],
    ] as const;
    for (const [more, message] of refused) await assert.rejects(agent.updateService(quic([10, 20], more)), { message });
    assert.deepEqual(await servers(), []);
  });

  it('come back from the state file and from the maps', async () => {
    const backends = [10, 20].map((last, i) => {
      return { address: `20.1.1.${last}`, port: 80, weight: 1, state: 'active', quicId: `0a0${i + 1}` } as const;
    });
    const state: DesiredState = { mode: 'snat', services: [{ id: 7, frontend: FRONTEND, backends, mode: undefined, quic: 2 }] };
    assert.deepEqual(parseState(formatState(state)), state);
    assert.throws(() => parseState(formatState(state).replace('"0a01"', '"0A01"')), /quicId: "0A01" is not/);
    await agent.updateService(quic([10, 20], { quic: 2, quicIds: ['0a01', '0a02'] }));
    const { services, backends: table, quic: ids } = bench.datapath();
    assert.deepEqual(rebuildState(await services.entries(), await table.entries(), undefined, new Map(), await ids.entries()), state);
  });
});
