import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { buildWeb, serveWeb } from '../../../agent/api/web.js';
import { AgentDouble } from '../support/agent-double.js';

describe('what is read over the network', () => {
  it('is metrics and health', async () => {
    const app = buildWeb(new AgentDouble(), { version: '1.2.3' });
    const metrics = await app.inject('/metrics');
    assert.equal(metrics.statusCode, 200);
    assert.match(metrics.headers['content-type'] as string, /^text\/plain; version=0\.0\.4/);
    assert.match(metrics.body, /^fairlead_services 3$/m);
    const { instance, warnings } = JSON.parse((await app.inject('/healthz')).body) as { instance: string; warnings: string[] };
    assert.equal(instance, 'default');
    assert.equal(warnings.length, 1);
  });

  it('is the page, whole: every file that one of them asks for, of its type', async () => {
    const app = buildWeb(new AgentDouble(), { version: '1.2.3' });
    const types: Readonly<Record<string, RegExp>> = { css: /^text\/css/, js: /^text\/javascript/, svg: /^image\/svg\+xml/ };
    const asked = new Set(['/']);
    for (const path of asked) {
      const { statusCode, headers, body } = await app.inject(path);
      assert.equal(statusCode, 200, path);
      assert.match(headers['content-type'] as string, path === '/' ? /^text\/html/ : (types[path.split('.').at(-1) ?? ''] ?? /^$/), path);
      for (const [, name = ''] of body.matchAll(/(?:src|href)="\/([^"]+)"|from '\.?\/([^']+)'/g)) if (name !== '') asked.add(`/${name}`);
      for (const [, name = ''] of body.matchAll(/from '\.?\/([^']+)'/g)) asked.add(`/${name}`);
    }
    assert.ok(asked.has('/uplot.js') && asked.has('/page.css') && asked.size > 12, [...asked].join());
    assert.equal((await app.inject('/tsconfig.json')).statusCode, 404);
  });

  it('is bound to this origin by every answer', async () => {
    const app = buildWeb(new AgentDouble(), { version: '1.2.3' });
    for (const url of ['/', '/page.js', '/metrics', '/healthz', '/nothing']) {
      const { headers } = await app.inject(url);
      const policy = String(headers['content-security-policy']);
      assert.match(policy, /^default-src 'self';.* frame-ancestors 'none'$/, url);
      assert.doesNotMatch(policy, /unsafe|https?:|\*/);
      const told = ['x-content-type-options', 'x-frame-options', 'referrer-policy', 'cross-origin-resource-policy', 'cache-control'];
      assert.deepEqual(
        told.map((name) => headers[name]),
        ['nosniff', 'DENY', 'no-referrer', 'same-origin', 'no-store'],
        url,
      );
      assert.equal(headers['access-control-allow-origin'], undefined);
    }
    const { body } = await app.inject('/');
    assert.doesNotMatch(body, /https?:\/\/|style=|<style|onclick|<script>/, 'nothing foreign, nothing inline');
  });

  it('is refused to a name that is not this agent’s', async () => {
    const app = buildWeb(new AgentDouble(), { version: '1.2.3', names: ['lb1.example.com'] });
    const statusFor = async (host: string, url = '/healthz') => (await app.inject({ url, headers: { host } })).statusCode;
    for (const host of [
      '127.0.0.1:9965',
      '192.0.2.1',
      '[::1]:9965',
      '[2001:db8::1]',
      'localhost',
      'LOCALHOST:9965',
      'a.localhost',
      'lb1.example.com:80',
    ])
      assert.equal(await statusFor(host), 200, host);
    for (const host of [
      'evil.example',
      'lb1.example.com.evil.example:80',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      'x',
      '[x]',
      ' ',
    ])
      for (const url of ['/', '/page.js', '/live', '/none']) assert.equal(await statusFor(host, url), 421, `${host} ${url}`);
    // Monitoring knows the node by a name of its own.
    for (const url of ['/metrics', '/healthz']) assert.equal(await statusFor('lb7.example', url), 200);
    const { error } = JSON.parse((await app.inject({ url: '/', headers: { host: 'evil.example' } })).body) as {
      error: Record<string, string>;
    };
    assert.deepEqual(error, {
      code: 'FL_E_PERMISSION',
      message: 'Host "evil.example": not a name of this agent',
      hint: 'ask for it by its IP address, or start the agent with --web-name=NAME',
    });
  });

  it('says what is wrong as the API does', async () => {
    const app = buildWeb(new AgentDouble(), { version: '1.2.3' });
    const errorOf = async (url: string, method: 'GET' | 'POST' = 'GET') => {
      const { statusCode, body } = await app.inject({ method, url, ...(method === 'POST' ? { body: { a: 1 } } : {}) });
      const { error } = JSON.parse(body) as { error: { code: string; hint: string | null } };
      return [statusCode, error.code, error.hint];
    };
    const paths = 'there are the page (/), /metrics and /healthz';
    assert.deepEqual(await errorOf('/v1/services'), [404, 'FL_E_NOT_FOUND', paths]);
    assert.deepEqual(await errorOf(`/${'x'.repeat(5000)}`), [404, 'FL_E_NOT_FOUND', paths]);
    assert.deepEqual(await errorOf('/healthz', 'POST'), [413, 'FL_E_VALUE', null]);
  });

  it('is nothing else, and nothing can be changed', async () => {
    const agent = new AgentDouble();
    const app = buildWeb(agent, { version: '1.2.3' });
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
    const { statusCode, body } = await buildWeb(agent, { version: '1.2.3' }).inject('/healthz');
    assert.deepEqual([statusCode, body], [500, '{"error":{"code":"FL_E_INTERNAL","message":"the data plane was unloaded","hint":null}}']);
  });

  it('needs an address that is free', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    await assert.rejects(
      serveWeb(new AgentDouble(), { address: '127.0.0.1', port }, { version: '1' }),
      /--web=127\.0\.0\.1:\d+: .*EADDRINUSE/,
    );
    other.close();
    await once(other, 'close');
    const web = await serveWeb(new AgentDouble(), { address: '127.0.0.1', port }, { version: '1' });
    assert.equal((await fetch(`http://127.0.0.1:${port}/healthz`)).status, 200);
    await web.close();
  });
});
