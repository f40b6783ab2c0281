import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RemoteAgent } from '../../../agent/api/remote-agent.js';
import { type ApiServer, serveApi } from '../../../agent/api/server.js';
import { FairleadError } from '../../../agent/model/errors.js';
import { AgentDouble } from '../support/agent-double.js';
import { answer } from '../support/run-with-double.js';

/** In this order: later ones see what earlier ones changed. */
const LINES = [
  'service list',
  'service list -o json',
  'service list --stats',
  'stats --id=1 -o json',
  'service get --id=1',
  'service get --id=2 -o json',
  'service get --id=77',
  'service update --id=3 --frontend=40.1.1.3:80/udp --backends=20.1.1.10:80,20.1.1.40:80 --backend-weights=2,0',
  'service update --id=3 --source-allow=10.0.0.0/8 --affinity=60 --mode=dsr',
  'service update --id=3 --source-allow=none --affinity=none --mode=default',
  'service update --id=3 --health=http:/healthz --health-interval=0.5',
  'service update --id=4 --frontend=[2001:db8::/64]:8000-8999 --backends=[2001:db8::10]:*',
  'service update --id=5',
  'service delete --id=3',
  'service delete --id=3',
  'service dumpstate --id=1',
  'service dumpstate --id=1 -o json',
  'service dumpstate --id=2',
  'service dumpstate --id=77',
  'backend list',
  'backend set --id=1 --backend=20.1.1.10:80 --state=terminating --weight=7',
  'backend set --id=4 --backend=[2001:db8::10]:* --state=maintenance',
  'backend set --id=1 --backend=20.1.1.99:80 --weight=1',
  'mode get',
  'mode update dsr',
  'deny add 203.0.113.0/24,2001:db8:bad::/48',
  'deny remove 203.0.113.0/24',
  'deny list',
  'config export',
  'config diff docs/configuration.md',
  'config check docs/nothing.yaml',
  'neighbor list',
  'neighbor update 20.1.1.10',
  'neighbor update 20.1.1.99',
  'status',
  'status -o json',
  'explain 20.1.1.100:40000 -> 40.1.1.1:80',
  'explain [2001:db8::1]:40000 [2001:db8:40::1]:53 udp -o json',
  'explain 20.1.1.100:1 40.1.1.1:80',
  'explain 20.1.1.100:2 40.1.1.1:80 -o json',
  'explain 20.1.1.100:4 40.1.1.1:80 udp --bytes=1500 --quic-id=0A01',
  'explain 20.1.1.100:4 40.1.1.1:80 --bytes=39',
  'monitor --count=2',
  'monitor --kind=drop -o json',
  'monitor --service=77',
] as const;

describe('an agent in another process', function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-api-'));
  const path = join(folder, 'agent.sock');
  let agent: AgentDouble;
  let server: ApiServer;
  let unloads = 0;

  beforeEach(async () => {
    agent = new AgentDouble();
    server = await serveApi(agent, { path, group: undefined, version: '1.2.3', unloaded: () => void unloads++ });
  });
  afterEach(() => server.close());
  after(() => rmSync(folder, { recursive: true }));

  it('answers every command as the agent itself would', async () => {
    const own = new AgentDouble();
    const remote = new RemoteAgent(path);
    for (const line of LINES) assert.deepEqual(await answer(line, { agent: remote }), await answer(line, { agent: own }), line);
  });

  it('streams a million flows to a reader that stops, without making them all', async () => {
    let seen = 0;
    for await (const _flow of new RemoteAgent(path).dumpState(9)) if (++seen === 1000) break;
    const { dumped } = agent;
    assert.ok(dumped >= 1000 && dumped < 500_000, `${dumped}`);
    // The server's end stops too.
    await new Promise((resolve) => setTimeout(resolve, 200));
    const later = agent.dumped;
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.equal(agent.dumped, later);
  });

  it('ends a watch at both ends with its signal, and keeps what it was told of losses', async () => {
    agent.endless = true;
    agent.losses = { limited: 3, lost: 4 };
    const stop = new AbortController();
    const filter = {
      kinds: ['new-flow'],
      sample: 1,
      rate: 0,
      snap: 64,
      service: 1,
      reason: undefined,
      prefix: { address: '10.0.0.0', length: 8 },
    } as const;
    const watch = new RemoteAgent(path).watchEvents(filter, stop.signal);
    let seen = 0;
    for await (const { view, packet } of watch) {
      assert.equal(view.kind, 'new-flow');
      assert.ok(Buffer.isBuffer(packet));
      seen++;
      stop.abort();
    }
    assert.ok(seen > 0);
    assert.deepEqual(watch.losses(), { limited: 3, lost: 4 });
    assert.deepEqual(agent.watched, [filter]);
  });

  it('tells the server when the data plane was taken away', async () => {
    await new RemoteAgent(path).unload();
    assert.equal(agent.unloaded, true);
    assert.equal(unloads, 1);
  });

  it('says that no agent is there, and why', async () => {
    const refusal = (socket: string) =>
      new RemoteAgent(socket).getMode().then(
        () => assert.fail('it answered'),
        (error: unknown) => {
          assert.ok(error instanceof FairleadError);
          return `${error.code}: ${error.message}`;
        },
      );
    assert.equal(await refusal('/nowhere/x.sock'), 'FL_E_NO_AGENT: agent at /nowhere/x.sock: no agent runs there');
    await server.close();
    assert.match(await refusal(path), /FL_E_NO_AGENT: .*no agent runs there/);
  });

  it('does not take a cut answer for a whole one', async () => {
    const cut = join(folder, 'cut.sock');
    const rows = '{"source":"10.0.0.1"}\n';
    const half: Server = createServer((socket) => {
      socket.once('data', () => socket.end(`HTTP/1.1 200 OK\r\ncontent-type: application/jsonl\r\nconnection: close\r\n\r\n${rows}`));
    });
    half.listen(cut);
    await once(half, 'listening');
    try {
      const dump = async () => {
        for await (const _flow of new RemoteAgent(cut).dumpState(1));
      };
      await assert.rejects(dump, /FL_E_SYSTEM|cut off/);
    } finally {
      half.close();
    }
  });
});
