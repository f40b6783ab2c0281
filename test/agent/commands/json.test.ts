// Answers for programs: JSON as docs/json.md says, and YAML, which holds the same.
// Imports the doubles of the agent.

import assert from 'node:assert/strict';
import { parse } from 'yaml';
import { AgentDouble } from '../support/agent-double.js';
import { answer } from '../support/run-with-double.js';

async function json(line: string, agent = new AgentDouble()): Promise<Record<string, unknown>> {
  const { out, err } = await answer(`${line} -o json`, { agent });
  assert.equal(err, '');
  const value = JSON.parse(out) as Record<string, unknown>;
  assert.equal(value['version'], 1);
  return value;
}

/** As JSON shows it: what is unknown is null. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value, (_key, one) => (one === undefined ? null : one)));

describe('JSON answers', () => {
  it('hold the views as docs/json.md says', async () => {
    const agent = new AgentDouble();
    assert.deepEqual(await json('service list'), { version: 1, services: plain(await agent.listServices()) });
    assert.deepEqual(await json('service get --id=1'), { version: 1, service: plain(await agent.getService(1)) });
    assert.deepEqual(await json('backend list'), { version: 1, backends: plain(await agent.listBackends()) });
    assert.deepEqual(await json('neighbor list'), { version: 1, neighbors: plain(await agent.listNeighbours()) });
    assert.deepEqual(await json('mode get'), { version: 1, mode: 'snat' });
    const flow = { source: '20.1.1.100', sourcePort: 4, destination: '40.1.1.1', destinationPort: 80, protocol: 'udp' } as const;
    const explanation = plain(await agent.explainFlow(flow));
    assert.deepEqual(await json('explain 20.1.1.100:4 40.1.1.1:80/udp'), { version: 1, explanation });
    assert.deepEqual(await json('status'), { version: 1, status: plain(await agent.status()) });
  });

  it('statistics: counters, and the same a second', async () => {
    const agent = new AgentDouble();
    const [first, second] = [await agent.readStats(), await agent.readStats()];
    agent.readings = 0;
    assert.deepEqual(await json('stats', agent), { version: 1, at: first.at, perSecond: false, services: plain(first.services) });
    agent.readings = 0;
    const { services, ...rest } = await json('stats --rate=0.1', agent);
    assert.deepEqual(rest, { version: 1, at: second.at, perSecond: true });
    // The double counts as much each second as in its first.
    assert.deepEqual((services as typeof first.services)[0]?.backends, plain(first.services[0]?.backends));
    assert.equal((services as typeof first.services)[0]?.refused.no_backend, 0);
    agent.readings = 0;
    const listed = (await json('service list --stats', agent))['services'] as Record<string, unknown>[];
    const { id, frontend, backends, ...stats } = first.services[0] as (typeof first.services)[0];
    assert.deepEqual(listed[0], { ...(plain(await agent.getService(id)) as object), stats: plain(stats) });
    assert.equal(listed.length, 3);
    assert.deepEqual([frontend.port, backends.length], [80, 4]);
  });

  it('flows are exact, and what DSR cannot know is null', async () => {
    const { service, flows } = await json('service dumpstate --id=1');
    assert.equal(service, 1);
    const list = flows as Record<string, unknown>[];
    assert.equal(list.length, 7);
    assert.equal(list[0]?.['txBytes'], 15880);
    assert.equal(list[2]?.['rxBytes'], null);
    for (const flow of list) assert.deepEqual(Object.keys(flow), Object.keys(list[0] ?? {}));
  });

  it('an empty list is an empty array', async () => {
    const agent = new AgentDouble();
    agent.services.clear();
    assert.deepEqual(await json('service list', agent), { version: 1, services: [] });
    assert.deepEqual((await json('service dumpstate --id=2'))['flows'], []);
  });
});

describe('YAML answers', () => {
  for (const line of [
    'service list',
    'service get --id=1',
    'service dumpstate --id=1',
    'backend list',
    'neighbor list',
    'mode get',
    'status',
    'deny list',
  ]) {
    it(`hold what JSON holds: ${line}`, async () => {
      const { out, err } = await answer(`${line} -o yaml`);
      assert.equal(err, '');
      assert.deepEqual(parse(out), await json(line));
    });
  }

  it('an empty list is an empty array', async () => {
    const agent = new AgentDouble();
    agent.services.clear();
    const { out } = await answer('service list -o yaml', { agent });
    assert.equal(out, 'version: 1\nservices: []\n');
  });
});
