// The desired state replaced as a whole, on the fake kernel: what is written, what is not, and what a failure leaves.
// Imports the agent over the test bench.

import assert from 'node:assert/strict';
import type { Agent } from '../../../agent/control/agent.js';
import { isSame } from '../../../agent/control/state/diff-state.js';
import type { DesiredState } from '../../../agent/model/service.js';
import { makeKernel, TestBench, update } from './support.js';

describe('the desired state as a whole', () => {
  let bench: TestBench;
  let agent: Agent;

  beforeEach(async () => {
    bench = new TestBench(makeKernel());
    agent = await bench.start();
    await agent.updateService(update(1, [10, 20]));
    await agent.updateService(update(2, [30]));
  });
  afterEach(async () => {
    await agent.close();
    bench.dispose();
  });

  /** Services 1 (one backend less) and 3 (new), not 2; another mode; a denied prefix. */
  async function another(): Promise<DesiredState> {
    const { services } = await agent.getDesired();
    const [first, second] = services as [DesiredState['services'][number], DesiredState['services'][number]];
    const third = { ...second, id: 3, frontend: { ...second.frontend, port: 8443 } };
    return { mode: 'dsr', services: [{ ...first, backends: first.backends.slice(0, 1) }, third], deny: ['203.0.113.0/24'] };
  }

  it('that is the same writes nothing', async () => {
    bench.kernel.journal.length = 0;
    const difference = await agent.replaceDesired(structuredClone(await agent.getDesired()), false);
    assert.ok(isSame(difference));
    assert.deepEqual(bench.kernel.journal, []);
  });

  it('that is another is told before it is made, and then holds, also after a restart', async () => {
    const wanted = await another();
    const said = await agent.replaceDesired(wanted, true);
    assert.deepEqual(said, {
      added: [3],
      changed: [{ id: 1, fields: ['backends'] }],
      removed: [2],
      mode: { before: 'snat', after: 'dsr' },
      denied: ['203.0.113.0/24'],
      undenied: [],
    });
    assert.equal(await agent.getMode(), 'snat');
    assert.deepEqual(await agent.replaceDesired(wanted, false), said);
    assert.deepEqual(
      (await agent.listServices()).map(({ id, mode, backends }) => [id, mode, backends.length]),
      [
        [1, 'dsr', 1],
        [3, 'dsr', 1],
      ],
    );
    await agent.close();
    agent = await bench.start();
    assert.deepEqual(structuredClone(await agent.getDesired()), structuredClone(wanted));
  });

  it('with an error anywhere changes nothing', async () => {
    const before = structuredClone(await agent.getDesired());
    const wanted = await another();
    const [first] = wanted.services as [DesiredState['services'][number]];
    const twice = { ...wanted, services: [...wanted.services, { ...first, id: 9 }] };
    await assert.rejects(agent.replaceDesired(twice, false), /FL_E_CONFLICT|has it already/);
    assert.deepEqual(structuredClone(await agent.getDesired()), before);
  });
});
