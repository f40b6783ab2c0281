// What people type and read about clients of services: source ranges, affinity, the deny list.
// Imports agent/commands over the agent in memory.

import assert from 'node:assert/strict';
import { AgentDouble } from '../support/agent-double.js';
import { assertWidth } from '../support/golden.js';
import { answer } from '../support/run-with-double.js';

describe('commands about clients', () => {
  let agent: AgentDouble;
  beforeEach(() => {
    agent = new AgentDouble();
  });
  const say = async (line: string): Promise<string> => {
    const { out, err } = await answer(line, { agent });
    return out + err;
  };

  it('service update reaches the agent with prefixes in order and seconds, by one flag or several', async () => {
    await say('service update --id=1 --source-allow=192.0.2.0/24 --source-allow=10.0.0.0/8 --source-deny=10.9.0.0/16 --affinity=600s');
    const { sourceRanges, affinity } = await agent.getService(1);
    assert.deepEqual(
      { sourceRanges, affinity },
      { sourceRanges: { allow: ['10.0.0.0/8', '192.0.2.0/24'], deny: ['10.9.0.0/16'] }, affinity: 600 },
    );
    await say('service update --id=1 --source-allow=none --affinity=none');
    const after = await agent.getService(1);
    assert.deepEqual([after.sourceRanges, after.affinity], [{ allow: [], deny: ['10.9.0.0/16'] }, undefined]);
  });

  it('service get names them, of many the first', async () => {
    assert.doesNotMatch(await say('service get --id=1'), /clients|affinity/);
    const many = Array.from({ length: 10 }, (_, i) => `10.${i}.0.0/16`);
    await say(`service update --id=1 --source-allow=${many} --source-deny=10.9.9.0/24 --affinity=600s`);
    const text = await say('service get --id=1');
    assertWidth(text, 80);
    const flat = text.replaceAll('\n', ' ');
    assert.match(
      flat,
      /clients allowed: 10\.0\.0\.0\/16, .*10\.7\.0\.0\/16 and 2 more \(-o json has them\) clients denied: 10\.9\.9\.0\/24 session affinity: 600 s /,
    );
    assert.match(
      await say('service get --id=1 -o json'),
      /"sourceRanges":\{"allow":\["10\.0\.0\.0\/16".*"10\.9\.0\.0\/16"\],"deny":\["10\.9\.9\.0\/24"\]\},"affinity":600/,
    );
  });

  it('service list has a column for what at least one service asks', async () => {
    assert.doesNotMatch(await say('service list'), /Clients|Affinity/);
    await say('service update --id=1 --affinity=60s');
    assert.match(await say('service list'), /Ready {2}Affinity\n[ =]+\n.*60 s\n.* -\n/);
    await say('service update --id=2 --source-allow=10.0.0.0/8 --source-deny=10.1.0.0/16,10.2.0.0/16');
    const text = await say('service list');
    assertWidth(text, 80);
    assert.match(text.replace(/\s+/g, ' '), /Clients .*Affinity .* any 60 s .* 1 range allowed, 2 denied - /);
  });

  it('deny add, list and remove say what they did', async () => {
    assert.equal(await say('deny list'), 'no client is denied\n');
    assert.equal(await say('deny add 203.0.113.0/24,2001:db8:bad::/48'), 'deny list: 2 prefixes added, 2 on it\n');
    assert.equal(await say('deny add 203.0.113.0/24,192.0.2.1'), 'deny list: 1 prefix added (1 stood on it already), 3 on it\n');
    assert.equal(await say('deny remove 192.0.2.1/32,192.0.2.2'), 'deny list: 1 prefix removed (1 did not stand on it), 2 on it\n');
    assert.equal(await say('deny list'), '203.0.113.0/24\n2001:db8:bad::/48\n2 prefixes\n');
    assert.equal(await say('deny list -o json'), '{"version":1,"denied":[\n"203.0.113.0/24",\n"2001:db8:bad::/48"\n]}\n');
  });

  it('a wrong prefix or time changes nothing and says the right one', async () => {
    assert.match(
      await say('deny add 203.0.113.7/24'),
      /prefix 203\.0\.113\.7\/24: bits are set behind its first 24[\s\S]*203\.0\.113\.0\/24/,
    );
    assert.match(await say('service update --id=1 --affinity=10m'), /affinity 10m: neither seconds nor "none"/);
    assert.match(await say('deny add'), /FL_E_USAGE/);
    assert.deepEqual(agent.denied, []);
  });
});
