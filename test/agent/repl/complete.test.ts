import assert from 'node:assert/strict';
import { VERBS } from '../../../agent/commands/verbs.js';
import { complete } from '../../../agent/repl/complete.js';
import { AgentDouble } from '../support/agent-double.js';
import { AgentDouble6, SHORT } from '../support/agent-double6.js';

async function offers(line: string, agent = new AgentDouble()): Promise<string[]> {
  return (await complete(line, VERBS, agent))[0];
}

describe('Tab', () => {
  const cases: [string, string[]][] = [
    ['ser', ['service ']],
    ['service d', ['delete ', 'dumpstate ']],
    ['qu', ['quit ']],
    ['help mod', ['mode ']],
    ['doctor ba', ['backend ']],
    ['doctor --f', ['--fix']],
    ['doctor backend --dis', ['--dispatch=']],
    ['doctor --device=eth0 ba', []],
    ['help mode ', ['get ', 'update ']],
    ['service get ', ['--id=', '--output=']],
    ['service get --id=1 ', ['--output=']],
    ['service get --id=', ['--id=1', '--id=2', '--id=9']],
    ['service get --id ', ['1', '2', '9']],
    ['service list -o ', ['table', 'json', 'yaml']],
    ['service list --output=j', ['--output=json']],
    ['mode update ', ['snat', 'dsr']],
    ['mode update d', ['dsr']],
    ['service update --mode=', ['--mode=snat', '--mode=dsr', '--mode=default']],
    ['backend set --id=2 --backend=', ['--backend=20.1.1.30:80', '--backend=20.1.1.40:80']],
    ['backend set --state ', ['active', 'terminating', 'quarantined', 'maintenance']],
    ['neighbor update 30', ['30.1.1.1']],
    ['nonsense ', []],
    ['service get --nonsense=', []],
  ];
  for (const [line, expected] of cases) {
    it(`after "${line}" offers ${expected.join(', ') || 'nothing'}`, async () => assert.deepEqual(await offers(line), expected));
  }

  it('a link-local next hop is offered with its device, IPv6 backends in brackets', async () => {
    const agent = new AgentDouble6(SHORT);
    assert.deepEqual(await offers('neighbor update fe', agent), ['fe80::1%eth0']);
    assert.ok((await offers('backend set --id=1 --backend=', agent)).includes('--backend=[2001:db8:20::10]:80'));
  });

  it('at an empty line offers every first word', async () => {
    const offered = await offers('');
    for (const verb of VERBS) assert.ok(offered.includes(`${verb.words.split(' ')[0]} `), verb.words);
  });

  it('offers less, and fails not, when the agent fails', async () => {
    const agent = new AgentDouble();
    agent.listServices = async () => {
      throw new Error('gone');
    };
    assert.deepEqual(await offers('service get --id=', agent), []);
  });
});
