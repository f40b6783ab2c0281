import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Ajv, type AnySchema } from 'ajv';
import fc from 'fast-check';
import { buildApi, serveApi } from '../../../agent/api/server.js';
import type { FairleadError } from '../../../agent/model/errors.js';
import { AgentDouble } from '../support/agent-double.js';
import { compareGolden } from '../support/golden.js';

interface Operation {
  readonly responses: { readonly '200': { readonly content?: Readonly<Record<string, { readonly schema: AnySchema }>> } };
}
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

/** A request for each path of the document. */
const REQUESTS: Readonly<Record<string, { readonly url: string; readonly body?: object }>> = {
  'get /v1/status': { url: '/v1/status' },
  'get /v1/stats': { url: '/v1/stats' },
  'get /v1/services': { url: '/v1/services' },
  'get /v1/services/{id}': { url: '/v1/services/1' },
  'patch /v1/services/{id}': { url: '/v1/services/3', body: { frontend: '40.1.1.3:80', backends: ['20.1.1.10:80'] } },
  'delete /v1/services/{id}': { url: '/v1/services/2' },
  'get /v1/services/{id}/flows': { url: '/v1/services/1/flows' },
  'patch /v1/services/{id}/backends/{backend}': { url: '/v1/services/1/backends/20.1.1.10:80', body: { weight: 3 } },
  'get /v1/backends': { url: '/v1/backends' },
  'get /v1/flow-counts': { url: '/v1/flow-counts' },
  'get /v1/mode': { url: '/v1/mode' },
  'put /v1/mode': { url: '/v1/mode', body: { mode: 'dsr' } },
  'get /v1/deny': { url: '/v1/deny' },
  'patch /v1/deny': { url: '/v1/deny', body: { add: ['203.0.113.0/24'] } },
  'get /v1/neighbors': { url: '/v1/neighbors' },
  'post /v1/neighbors/{address}/resolve': { url: '/v1/neighbors/20.1.1.10/resolve' },
  'get /v1/events': { url: '/v1/events?kinds=drop&kinds=new-flow' },
  'get /v1/explain': { url: '/v1/explain?from=20.1.1.100:40000&to=40.1.1.1:80' },
  'get /v1/openapi.json': { url: '/v1/openapi.json' },
  'get /v1/desired': { url: '/v1/desired' },
  'put /v1/desired': { url: '/v1/desired', body: { desired: { mode: 'dsr', services: [] }, dryRun: true } },
  'get /metrics': { url: '/metrics' },
  'post /v1/unload': { url: '/v1/unload' },
};

async function open(agent = new AgentDouble()) {
  return buildApi(agent, '1.2.3', () => {});
}

describe('the API', function () {
  this.timeout(60_000);

  it('tells each request to a log of the level debug', async () => {
    const told: string[] = [];
    const app = await buildApi(
      new AgentDouble(),
      '1.2.3',
      () => {},
      (level, message, fields) => void told.push(`${level} ${message} ${fields?.['status']} ${typeof fields?.['milliseconds']}`),
    );
    await app.inject('/v1/mode');
    await app.inject({ method: 'DELETE', url: '/v1/services/77' });
    assert.deepEqual(told, ['debug GET /v1/mode 200 number', 'debug DELETE /v1/services/77 404 number']);
    await app.close();
  });

  it('is docs/openapi.json', async () => {
    const app = await open();
    const { body } = await app.inject('/v1/openapi.json');
    compareGolden(`${JSON.stringify(JSON.parse(body), undefined, 2)}\n`, new URL('../../../docs/openapi.json', import.meta.url));
  });

  it('answers each path of the document in the form that the document says', async () => {
    const app = await open();
    const { paths } = JSON.parse((await app.inject('/v1/openapi.json')).body) as Document;
    const operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => [`${method} ${path}`, operation] as const),
    );
    assert.deepEqual(operations.map(([name]) => name).sort(), Object.keys(REQUESTS).sort());
    const ajv = new Ajv({ strict: false });
    for (const name of Object.keys(REQUESTS)) {
      const operation = operations.find(([one]) => one === name)?.[1];
      const { url, body } = REQUESTS[name] ?? { url: '' };
      const method = name.split(' ')[0]?.toUpperCase() as 'GET';
      const response = await app.inject({ method, url, ...(body === undefined ? {} : { body }) });
      assert.equal(response.statusCode, 200, `${name}: ${response.body}`);
      const [type, { schema } = { schema: false }] = Object.entries(operation?.responses['200'].content ?? {})[0] ?? [];
      assert.ok(response.headers['content-type']?.toString().startsWith(type ?? '?'), name);
      const lines = response.body.trim().split('\n');
      if (type === 'application/jsonl') assert.deepEqual(JSON.parse(lines.pop() ?? ''), { end: { rows: lines.length } });
      assert.ok(lines.length > 0, name);
      if (type === 'text/plain') continue;
      for (const line of lines) assert.ok(ajv.validate(schema, JSON.parse(line)), `${name}: ${ajv.errorsText()}: ${line.slice(0, 500)}`);
    }
  });

  it('says what is wrong with a request, and changes nothing', async () => {
    const agent = new AgentDouble();
    const app = await open(agent);
    const refusals: readonly (readonly [string, string, unknown, number, RegExp])[] = [
      ['PUT', '/v1/mode', { mode: 'sant' }, 400, /FL_E_VALUE.*allowed: snat, dsr/],
      ['PUT', '/v1/mode', { mode: 'dsr', mod: 1 }, 400, /has no field \\"mod\\"/],
      ['PUT', '/v1/mode', '{"mode":', 400, /JSON/],
      ['PUT', '/v1/mode', undefined, 400, /FL_E_VALUE/],
      ['PATCH', '/v1/services/0', {}, 400, /params.id must be >= 1/],
      ['PATCH', '/v1/services/3', { frontend: '40.1.1:80' }, 400, /frontend: .*40\.1\.1/],
      ['PATCH', '/v1/services/3', { frontend: '40.1.1.1:80', backends: ['20.1.1.10:x'] }, 400, /backends\[0\]/],
      ['PATCH', '/v1/services/3', { weights: [1001] }, 400, /body.weights.0 must be <= 1000/],
      ['PATCH', '/v1/services/1/backends/20.1.1.10:80', {}, 400, /FL_E_VALUE/],
      ['PATCH', '/v1/deny', { add: ['203.0.113.1/24'] }, 400, /bits are set behind/],
      ['GET', '/v1/services/77', undefined, 404, /FL_E_NOT_FOUND/],
      ['GET', '/v1/services/77/flows', undefined, 404, /FL_E_NOT_FOUND/],
      ['GET', '/v1/events?reason=none', undefined, 400, /allowed: snat_request/],
      ['GET', '/v1/explain?from=20.1.1.100:40000', undefined, 400, /FL_E_VALUE.*to/],
      ['GET', '/v1/explain?from=20.1.1.100:40000&to=40.1.1.1', undefined, 400, /the port is missing/],
      ['GET', '/v1/nothing', undefined, 404, /openapi\.json lists all paths/],
      ['DELETE', '/v1/mode', undefined, 404, /there is no such path/],
    ];
    for (const [method, url, body, status, text] of refusals) {
      const headers = { 'content-type': 'application/json' };
      const sent = body === undefined ? {} : { headers, body: typeof body === 'string' ? body : JSON.stringify(body) };
      const response = await app.inject({ method: method as 'GET', url, ...sent });
      assert.equal(response.statusCode, status, `${method} ${url}: ${response.body}`);
      assert.match(response.body, text, url);
      const { error } = JSON.parse(response.body) as { error: object };
      assert.deepEqual(Object.keys(error), ['code', 'message', 'hint']);
    }
    assert.deepEqual(agent.calls, []);
  });

  it('stands whatever it is sent', async () => {
    const app = await open();
    const paths = Object.values(REQUESTS).map(({ url }) => url.split('?')[0] ?? '');
    const request = fc.record({
      method: fc.constantFrom('GET', 'PUT', 'PATCH', 'DELETE', 'POST'),
      url: fc.oneof(
        fc.constantFrom(...paths.filter((path) => !/flows$|events|metrics/.test(path))),
        fc.webPath().map((path) => `/v1/${path}`),
      ),
      body: fc.oneof(
        fc.json(),
        fc.string(),
        fc
          .record({ frontend: fc.string(), backends: fc.array(fc.string()), mode: fc.string() }, { requiredKeys: [] })
          .map((one) => JSON.stringify(one)),
      ),
    });
    await fc.assert(
      fc.asyncProperty(request, async ({ method, url, body }) => {
        const sent = method === 'GET' ? {} : { headers: { 'content-type': 'application/json' }, body };
        const { statusCode, body: said } = await app.inject({ method: method as 'GET', url, ...sent });
        assert.ok(statusCode < 500, `${statusCode}: ${said}`);
        JSON.parse(said);
      }),
      { numRuns: 500 },
    );
    assert.equal((await app.inject('/v1/mode')).statusCode, 200);
  });

  it('tells a defect as one, without its stack', async () => {
    const agent = new AgentDouble();
    agent.status = () => Promise.reject(new TypeError('x is not a function'));
    const response = await (await open(agent)).inject('/v1/status');
    assert.equal(response.statusCode, 500);
    assert.deepEqual(JSON.parse(response.body), { error: { code: 'FL_E_INTERNAL', message: 'x is not a function', hint: null } });
  });
});

describe('the API’s socket', () => {
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-socket-'));
  const path = join(folder, 'agent.sock');
  const options = { path, group: undefined, version: '1.2.3', unloaded: () => {} };
  const codeOf = (call: Promise<unknown>) =>
    call.then(
      () => 'it was taken',
      (error: unknown) => (error as FairleadError).code,
    );
  after(() => rmSync(folder, { recursive: true }));

  it('is for root and one group, answers curl, and goes with the agent', async () => {
    const group = String(process.getgid?.() ?? 0);
    const server = await serveApi(new AgentDouble(), { ...options, group });
    assert.equal(statSync(path).mode & 0o777, 0o660);
    const { stdout } = await promisify(execFile)('curl', ['-s', '--unix-socket', path, 'http://fairlead/v1/mode']);
    assert.equal(stdout, '{"version":1,"mode":"snat"}');
    await server.close();
    assert.equal(existsSync(path), false);
  });

  it('takes the place of a socket whose agent is gone, and of nothing else', async () => {
    const left = spawnSync(process.execPath, [
      '-e',
      `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`,
    ]);
    assert.equal(left.signal, 'SIGKILL');
    assert.ok(existsSync(path));
    const server = await serveApi(new AgentDouble(), options);
    assert.equal(await codeOf(serveApi(new AgentDouble(), options)), 'FL_E_CONFLICT');
    await server.close();
    writeFileSync(path, 'mine');
    assert.equal(await codeOf(serveApi(new AgentDouble(), options)), 'FL_E_CONFLICT');
    assert.equal(statSync(path).size, 4);
    rmSync(path);
    const other = createServer().listen(path);
    await once(other, 'listening');
    assert.equal(await codeOf(serveApi(new AgentDouble(), options)), 'FL_E_CONFLICT');
    other.close();
  });

  it('may have a pipe’s name, which has no group and is never taken from a program that has it', async () => {
    // Here such a name is that of a socket in the current folder: refused, it is there all the same.
    const [before, pipe] = [process.cwd(), String.raw`\\.\pipe\fairlead-test`];
    process.chdir(folder);
    try {
      const server = await serveApi(new AgentDouble(), { ...options, path: pipe });
      assert.equal(await codeOf(serveApi(new AgentDouble(), { ...options, path: pipe })), 'FL_E_CONFLICT');
      assert.ok(existsSync(pipe));
      await server.close();
      // Nor is it looked for as a file.
      writeFileSync(pipe, '');
      await assert.rejects(serveApi(new AgentDouble(), { ...options, path: pipe }), /another program answers there/);
      for (const name of [pipe, pipe.toUpperCase(), pipe.replace('.', '?')])
        assert.equal(await codeOf(serveApi(new AgentDouble(), { ...options, path: name, group: '0' })), 'FL_E_UNSUPPORTED', name);
    } finally {
      process.chdir(before);
    }
  });

  it('says what keeps it from being made', async () => {
    assert.equal(await codeOf(serveApi(new AgentDouble(), { ...options, path: '/proc/nothing/agent.sock' })), 'FL_E_SYSTEM');
    assert.equal(await codeOf(serveApi(new AgentDouble(), { ...options, group: 'no-such-group' })), 'FL_E_NOT_FOUND');
    assert.equal(existsSync(path), false);
  });
});
