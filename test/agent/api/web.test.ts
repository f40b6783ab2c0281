import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { buildWeb, serveWeb } from '../../../agent/api/web.js';
import { AgentDouble } from '../support/agent-double.js';

describe('what is read over the network', () => {
  it('is metrics and health', async () => {
    const app = buildWeb(new AgentDouble(), '1.2.3');
    const metrics = await app.inject('/metrics');
    assert.equal(metrics.statusCode, 200);
    assert.match(metrics.headers['content-type'] as string, /^text\/plain; version=0\.0\.4/);
    assert.match(metrics.body, /^fairlead_services 3$/m);
    const { instance, warnings } = JSON.parse((await app.inject('/healthz')).body) as { instance: string; warnings: string[] };
    assert.equal(instance, 'default');
    assert.equal(warnings.length, 1);
  });

  it('is nothing else, and nothing can be changed', async () => {
    const agent = new AgentDouble();
    const app = buildWeb(agent, '1.2.3');
    for (const method of ['PUT', 'POST', 'PATCH', 'DELETE'] as const) {
      for (const url of ['/v1/mode', '/v1/unload', '/v1/services/1', '/metrics', '/healthz']) {
        const { statusCode } = await app.inject({ method, url, body: { mode: 'dsr' } });
        assert.ok(statusCode >= 400 && statusCode < 500, `${method} ${url}: ${statusCode}`);
      }
    }
    for (const url of ['/v1/mode', '/v1/services', '/v1/openapi.json', '/../etc/passwd'])
      assert.equal((await app.inject(url)).statusCode, 404);
    assert.deepEqual([agent.calls, agent.unloaded, agent.mode], [[], false, 'snat']);
  });

  it('says that the agent cannot answer', async () => {
    const agent = new AgentDouble();
    agent.status = () => Promise.reject(new Error('the data plane was unloaded'));
    const { statusCode, body } = await buildWeb(agent, '1.2.3').inject('/healthz');
    assert.deepEqual([statusCode, body], [500, 'the data plane was unloaded\n']);
  });

  it('needs an address that is free', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    await assert.rejects(serveWeb(new AgentDouble(), { address: '127.0.0.1', port }, '1'), /--web=127\.0\.0\.1:\d+: .*EADDRINUSE/);
    other.close();
    await once(other, 'close');
    const web = await serveWeb(new AgentDouble(), { address: '127.0.0.1', port }, '1');
    assert.equal((await fetch(`http://127.0.0.1:${port}/healthz`)).status, 200);
    await web.close();
  });
});
