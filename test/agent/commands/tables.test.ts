import assert from 'node:assert/strict';
import { AgentDouble } from '../support/agent-double.js';
import { AgentDouble6, LONGEST, SHORT } from '../support/agent-double6.js';
import { assertWidth, compareGolden } from '../support/golden.js';
import { answer } from '../support/run-with-double.js';

const TABLES: Record<string, string> = {
  'service-list': 'service list',
  'service-get': 'service get --id=1',
  'service-dumpstate': 'service dumpstate --id 1',
  'backend-list': 'backend list',
  'backend-list-of-one': 'backend list --id=2',
  'neighbor-list': 'neighbor list',
  status: 'status',
  'service-list-stats': 'service list --stats',
  'service-list-rate': 'service list --rate=0.1',
  stats: 'stats',
  'stats-rate': 'stats --id=1 --rate=0.1',
  explain: 'explain 20.1.1.100:40000 -> 40.1.1.1:80 tcp',
  'explain-unproved': 'explain 20.1.1.100:2 -> 40.1.1.1:80',
  'explain-ipv6': 'explain [2001:db8:1111:2222:3333:4444:5555:6666]:40000 [2001:db8:1111:2222:3333:4444:5555:7777]:53/udp',
};

describe('tables at 80 columns', () => {
  for (const [name, line] of Object.entries(TABLES)) {
    it(`${line} reads as in golden/${name}.txt`, async () => {
      const { out, err, status } = await answer(line);
      assert.equal(err, '');
      assert.equal(status, 0);
      assertWidth(out, 80);
      compareGolden(out, new URL(`golden/${name}.txt`, import.meta.url));
    });
  }

  for (const [length, to6] of [
    ['ipv6', SHORT],
    ['ipv6-longest', LONGEST],
  ] as const) {
    for (const name of ['service-list', 'stats', 'service-get', 'service-dumpstate', 'backend-list', 'neighbor-list']) {
      it(`${TABLES[name]} reads as in golden/${name}-${length}.txt`, async () => {
        const { out, err } = await answer(TABLES[name] ?? '', { agent: new AgentDouble6(to6) });
        assert.equal(err, '');
        assertWidth(out, 80);
        compareGolden(out, new URL(`golden/${name}-${length}.txt`, import.meta.url));
      });
    }
  }

  it('a wide terminal shows all columns of the flows', async () => {
    const { out } = await answer('service dumpstate --id 1', { columns: 150 });
    assertWidth(out, 150);
    compareGolden(out, new URL('golden/service-dumpstate-wide.txt', import.meta.url));
  });

  it('HAProxy’s columns: a frontend, its backends and the sum of them', async () => {
    const { out, err } = await answer('stats --format=haproxy-csv');
    assert.equal(err, '');
    compareGolden(out, new URL('golden/stats-haproxy.csv', import.meta.url));
    const [header = '', ...lines] = out.trimEnd().split('\n');
    for (const line of lines) assert.equal(line.split(',').length, header.split(',').length);
  });

  it('an empty agent says that there is nothing', async () => {
    const agent = new AgentDouble();
    agent.services.clear();
    assert.equal((await answer('service list', { agent })).out, 'no services\n');
    assert.equal((await answer('service list --stats', { agent })).out, 'no services\n');
    assert.equal((await answer('stats', { agent })).out, 'no services\n');
    assert.equal((await answer('backend list', { agent })).out, 'no backends\n');
    assert.match((await answer('service dumpstate --id=2')).out, /^0 flows\n$/);
  });

  it('status says for how long something has not worked', async () => {
    const agent = new AgentDouble();
    const view = await agent.status();
    const since = Date.now() / 1000 - 190;
    agent.status = async () => ({ ...view, warnings: ['one thing', 'another'], warningsSince: [since, undefined] });
    const { out } = await answer('status', { agent });
    assert.match(out, /^warning +one thing \(for 3m\)$/m);
    assert.match(out, /^warning +another$/m);
  });
});
