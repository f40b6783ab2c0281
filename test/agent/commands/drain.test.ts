// `backend drain` against an agent whose flows the test counts down.
// Imports the double.

import assert from 'node:assert/strict';
import { EXIT } from '../../../agent/model/errors.js';
import { AgentDouble } from '../support/agent-double.js';
import { answer } from '../support/run-with-double.js';

const LINE = 'backend drain --id=1 --backend=20.1.1.20:80';

/** An agent whose backend 20.1.1.20:80 has these flows, one number a count; the last one stays. */
function agentWith(...flows: number[]): AgentDouble {
  const agent = new AgentDouble();
  agent.countFlows = async () => {
    const [now = 0] = flows.length > 1 ? flows.splice(0, 1) : flows;
    return (await agent.listBackends()).map(({ service, address, port }) => ({
      service,
      address,
      port,
      flows: service === 1 && address === '20.1.1.20' ? now : 99,
    }));
  };
  return agent;
}
const stateOf = async (agent: AgentDouble) => (await agent.getService(1)).backends.find(({ address }) => address === '20.1.1.20')?.state;

describe('backend drain', function () {
  this.timeout(20_000);

  it('lets a backend take no new flow and says how many it has', async () => {
    const agent = agentWith(12);
    assert.equal((await answer(LINE, { agent })).out, 'backend 20.1.1.20:80 of service 1 is terminating: 12 flows left\n');
    assert.equal(await stateOf(agent), 'terminating');
  });

  it('waits for the last flow, and tells how far it is', async () => {
    const { out, err, status } = await answer(`${LINE} --wait`, { agent: agentWith(2, 1, 0) });
    assert.match(out, /^backend 20\.1\.1\.20:80 of service 1 is drained: no flow left after \ds\n$/);
    assert.equal(err, 'backend 20.1.1.20:80 of service 1: 2 flows left\n', 'a line every five seconds');
    assert.equal(status, EXIT.done);
  });

  it('rewrites one line on a terminal', async () => {
    const { err } = await answer(`${LINE} --wait`, { agent: agentWith(2, 1, 0), terminal: true });
    const name = 'backend 20.1.1.20:80 of service 1';
    assert.equal(err, `\r\x1b[K${name}: 2 flows left\r\x1b[K${name}: 1 flow left\n`);
  });

  it('ends at its time limit and by Ctrl-C, and leaves the backend draining', async () => {
    const agent = agentWith(5);
    const late = await answer(`${LINE} --wait --timeout=1`, { agent });
    assert.equal(late.status, EXIT.failed);
    assert.match(late.err, /not empty in time, 5 flows left/);
    assert.match(late.err, /it goes on draining/);
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 100);
    const began = performance.now();
    const stopped = await answer(`${LINE} --wait`, { agent, signal: stop.signal });
    assert.ok(performance.now() - began < 900);
    assert.equal(stopped.status, EXIT.failed);
    assert.match(stopped.err, /not waited for longer, 5 flows left/);
    assert.equal(await stateOf(agent), 'terminating');
  });

  it('ends when somebody takes the backend back, or away', async () => {
    const agent = agentWith(5);
    const backend = { address: '20.1.1.20', port: 80 };
    setTimeout(() => void agent.setBackend({ id: 1, backend, state: 'active', weight: undefined }), 100);
    const taken = await answer(`${LINE} --wait`, { agent });
    assert.equal(taken.status, EXIT.failed);
    assert.match(taken.err, /is active again/);
    setTimeout(() => void agent.updateService({ ...NOTHING, backends: [{ address: '20.1.1.10', port: 80 }] }), 100);
    assert.match((await answer(`${LINE} --wait`, { agent })).err, /was taken out/);
  });

  it('refuses a time limit without a wait', async () => {
    assert.equal((await answer(`${LINE} --timeout=5`)).status, EXIT.usage);
  });
});

const NOTHING = { id: 1, frontend: undefined, backends: undefined, weights: undefined, mode: undefined };
