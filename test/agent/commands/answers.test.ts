import assert from 'node:assert/strict';
import { AgentDouble } from '../support/agent-double.js';
import { answer } from '../support/run-with-double.js';

describe('answers of commands', () => {
  it('service update says what now holds, and warns on the other stream', async () => {
    const agent = new AgentDouble();
    const created = await answer('service update --frontend=40.1.1.3:80 --backends=20.1.1.10:80,20.1.1.40:80 --id=3', { agent });
    assert.equal(created.out, 'service 3 created: 40.1.1.3:80/tcp, 2 backends, mode snat\n');
    assert.equal(created.err, 'warning: backend 20.1.1.40:80: no answer from 20.1.1.40 on eth0, retried\n');
    const own = await answer('service update --id 3 --mode dsr', { agent });
    assert.equal(own.out, 'service 3 changed: 40.1.1.3:80/tcp, 2 backends, mode dsr (its own)\n');
    const same = await answer('service update --id=3', { agent });
    assert.match(same.out, /^service 3 unchanged: /);
  });

  it('both forms of a flag mean the same', async () => {
    assert.equal((await answer('service get --id=1')).out, (await answer('service get --id 1')).out);
    assert.equal((await answer('service list --output=json')).out, (await answer('service list -o json')).out);
  });

  it('the values reach the agent as numbers and nouns', async () => {
    const agent = new AgentDouble();
    const seen: unknown[] = [];
    const update = agent.updateService.bind(agent);
    agent.updateService = (given) => {
      seen.push(given);
      return update(given);
    };
    await answer(
      'service update --id=5 --frontend=40.1.1.5:53/udp --backends=20.1.1.10:53,20.1.1.20:54 --backend-weights=3,0 --mode=default',
      { agent },
    );
    assert.deepEqual(seen, [
      {
        id: 5,
        frontend: { address: '40.1.1.5', port: 53, protocol: 'udp' },
        backends: [
          { address: '20.1.1.10', port: 53 },
          { address: '20.1.1.20', port: 54 },
        ],
        weights: [3, 0],
        mode: 'default',
        sourceAllow: undefined,
        sourceDeny: undefined,
        affinity: undefined,
      },
    ]);
  });

  it('mode update names both modes, and says when nothing changes', async () => {
    const agent = new AgentDouble();
    assert.equal(
      (await answer('mode update dsr', { agent })).out,
      'mode dsr (was snat); 3 services (1 with a mode of their own); existing flows keep theirs\n',
    );
    assert.equal((await answer('mode update dsr', { agent })).out, 'mode is already dsr\n');
    assert.equal((await answer('mode get', { agent })).out, 'mode dsr\n');
  });

  it('service delete, backend set and neighbor update say what they did', async () => {
    const agent = new AgentDouble();
    assert.equal((await answer('service delete --id=9', { agent })).out, 'service 9 deleted: 40.1.1.9:443/tcp, 1 backend, mode snat\n');
    assert.match((await answer('service get --id=9', { agent })).err, /FL_E_NOT_FOUND/);
    const set = await answer('backend set --id=1 --backend=20.1.1.10:80 --state=maintenance --weight=5', { agent });
    assert.equal(set.out, 'backend 20.1.1.10:80 of service 1 changed: maintenance, weight 5\n');
    assert.equal((await answer('neighbor update 20.1.1.10', { agent })).out, 'neighbor 20.1.1.10: 02:00:00:00:00:10 on eth0, reachable\n');
    assert.equal((await answer('neighbour update 20.1.1.40', { agent })).out, 'neighbor 20.1.1.40: unresolved\n');
  });

  it('unload removes, says what, and leaves; exit and quit leave without', async () => {
    const agent = new AgentDouble();
    const gone = await answer('unload', { agent });
    assert.ok(agent.unloaded);
    assert.equal(gone.left, 'unloaded');
    assert.match(gone.out, /^unloaded: program fairlead removed from eth0, eth1, its maps too; 1234 flows ended\n/);
    for (const line of ['exit', 'quit']) {
      const other = new AgentDouble();
      assert.equal((await answer(line, { agent: other })).left, 'exit');
      assert.ok(!other.unloaded);
    }
  });

  it('an unload that fails does not leave', async () => {
    const agent = new AgentDouble();
    agent.unload = async () => {
      throw new Error('no');
    };
    assert.equal((await answer('unload', { agent })).left, undefined);
  });

  it('cls clears a terminal and writes nothing into a pipe', async () => {
    assert.ok((await answer('cls', { terminal: true })).out.startsWith('\x1b[H\x1b[2J'));
    assert.equal((await answer('cls')).out, '');
  });

  it('blank lines and comments ask for nothing', async () => {
    for (const line of ['', '   ', '# service delete --id=1'])
      assert.deepEqual(await answer(line), { out: '', err: '', status: 0, left: undefined });
  });
});
