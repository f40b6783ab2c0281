import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { readConfig } from '../../../agent/config/read-config.js';
import { CONFIG_SCHEMA } from '../../../agent/config/schema.js';
import { writeConfig } from '../../../agent/config/write-config.js';
import { FairleadError } from '../../../agent/model/errors.js';
import { HEALTH_PROFILES } from '../../../agent/model/health.js';
import type { DesiredState, Service } from '../../../agent/model/service.js';
import { compareGolden } from '../support/golden.js';

const HEAD = 'version: 1\nmode: snat\nservices:\n';

function refusal(text: string): string {
  try {
    readConfig(text, 'f.yaml');
  } catch (error) {
    if (error instanceof FairleadError && error.code === 'FL_E_CONFIG')
      return `${error.message}${error.hint === undefined ? '' : ` | ${error.hint}`}`;
    throw error;
  }
  throw new Error('it was taken');
}

describe('a configuration file', () => {
  it('becomes the state that the commands would make, and the words of the agent', () => {
    const { state, agentWords } = readConfig(
      `# comment
version: 1
agent: { device: 'eth0,eth1', max-flows: 1000, vip-echo: 'off' }
mode: dsr
deny: [203.0.113.0/24]
services:
  - id: 2
    frontend: 40.1.1.1:53/udp
    backends: [{ address: '20.1.1.10:53', weight: 0 }, { address: '20.1.1.20:53', state: terminating }]
  - id: 1
    frontend: '[2001:db8::1]:80'
    mode: snat
    affinity: 600
    sourceAllow: [2001:db8:1::/48]
    health: { check: http, path: /healthz, profile: fast, fall: 5 }
    backends: [{ address: '[2001:db8::10]:80' }]
`,
      'f.yaml',
    );
    assert.deepEqual(agentWords, ['--device=eth0,eth1', '--max-flows=1000', '--vip-echo=off']);
    assert.deepEqual(state, {
      mode: 'dsr',
      services: [
        {
          id: 1,
          frontend: { address: '2001:db8::1', port: 80, protocol: 'tcp' },
          backends: [{ address: '2001:db8::10', port: 80, weight: 1, state: 'active' }],
          mode: 'snat',
          sourceRanges: { allow: ['2001:db8:1::/48'], deny: [] },
          affinity: 600,
          health: { kind: 'http', path: '/healthz', ...HEALTH_PROFILES.fast, fall: 5, allDown: 'open' },
        },
        {
          id: 2,
          frontend: { address: '40.1.1.1', port: 53, protocol: 'udp' },
          backends: [
            { address: '20.1.1.10', port: 53, weight: 0, state: 'active' },
            { address: '20.1.1.20', port: 53, weight: 1, state: 'terminating' },
          ],
          mode: undefined,
        },
      ],
      deny: ['203.0.113.0/24'],
    });
  });

  it('may be JSON', () => {
    assert.deepEqual(readConfig('{"version":1,"mode":"snat","services":[]}', 'f.json').state, { mode: 'snat', services: [] });
  });

  it('that is wrong is told where, what was found, and what is allowed', () => {
    const one = (line: string) => `${HEAD}  - id: 1\n    frontend: 40.1.1.1:80\n    backends: [{ address: '20.1.1.10:80' }]\n${line}`;
    for (const [text, said] of [
      ['', 'f.yaml:1:1: null is no map of keys'],
      ['mode: snat\nservices: []\n', 'f.yaml:1:1: version is missing'],
      ['version: 2\nmode: snat\nservices: []\n', 'f.yaml:1:10: version: 2: this program reads 1'],
      ['version: 1\nmode: sant\nservices: []\n', 'f.yaml:2:7: mode: sant is not one of snat, dsr'],
      [one('    weigth: 3\n'), 'f.yaml:7:5: services[0].weigth: there is no such key | allowed: id, frontend'],
      [one('    helth: 3\n'), 'f.yaml:7:5: services[0].helth: there is no such key | did you mean health?'],
      [one('    affinity: soon\n'), 'f.yaml:7:15: services[0].affinity: soon is no integer'],
      [`${HEAD}  - id: 1\n    frontend: 40.1.1:80\n    backends: []\n`, 'f.yaml:5:15: services[0].frontend: '],
      [`${HEAD}  - id: 70000\n    frontend: 40.1.1.1:80\n    backends: []\n`, 'f.yaml:4:9: services[0].id: 70000 must be <= 65535'],
      [one('  - id: 1\n    frontend: 40.1.1.2:80\n    backends: []\n'), 'f.yaml:7:9: services[1].id: service 1 stands in the file twice'],
      [
        one('  - id: 2\n    frontend: 40.1.1.1:80\n    backends: []\n'),
        'f.yaml:8:15: services[1].frontend: 40.1.1.1:80/tcp is the frontend of service 1 already',
      ],
      [one('  - id: 2\n    frontend: 20.1.1.10:80\n    backends: []\n'), 'f.yaml:'],
      [one('    backends: []\n'), 'f.yaml:7:5: Map keys must be unique'],
      ['version: [1\n', 'f.yaml:'],
      [
        'version: 1\nmode: snat\nservices: []\ndeny: [10.0.0.1/8]\n',
        'f.yaml:4:7: deny: prefix 10.0.0.1/8: bits are set behind its first 8',
      ],
    ] as const)
      assert.ok(refusal(text).startsWith(said), `${refusal(text)}\n  wanted: ${said}`);
  });

  it('with several errors tells them all, and bounds them', () => {
    const text = `${HEAD}${Array.from({ length: 30 }, (_, i) => `  - { id: ${i + 1}, frontend: nothing, backends: [] }\n`).join('')}`;
    const said = refusal(text);
    assert.match(said, /^30 errors\n {2}f\.yaml:4:/);
    assert.equal(said.split('\n').length, 12);
    assert.match(said, /and 20 more | nothing of the file was used/);
  });

  it('that is hostile is refused before it costs', () => {
    const bomb = `a: &a [${'x,'.repeat(9)}x]\n${[...'bcdefgh'].map((name, i) => `${name}: &${name} [${`*${'abcdefgh'[i]},`.repeat(9)}*${'abcdefgh'[i]}]\n`).join('')}`;
    assert.match(refusal(bomb), /f\.yaml: Excessive alias count/);
    assert.match(refusal(`version: 1\nmode: snat\nservices: []\n__proto__: {}\n`), /__proto__: there is no such key/);
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.string().map((text) => HEAD + text),
        ),
        (text) => {
          try {
            readConfig(text, 'f.yaml');
          } catch (error) {
            assert.ok(error instanceof FairleadError, String(error));
            assert.match(error.message, /f\.yaml|errors/);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('that was written from a state is read back to it', () => {
    const backend = fc.record({
      address: fc.integer({ min: 1, max: 254 }).map((last) => `20.1.1.${last}`),
      port: fc.constantFrom(0, 80, 65535),
      weight: fc.integer({ min: 0, max: 1000 }),
      state: fc.constantFrom('active', 'terminating', 'quarantined', 'maintenance'),
    });
    const health = fc.record({
      kind: fc.constantFrom('http' as const, 'https' as const),
      path: fc.constantFrom('/', '/healthz?x=1'),
      interval: fc.integer({ min: 50, max: 3_600_000 }),
      timeout: fc.integer({ min: 50, max: 3_600_000 }),
      rise: fc.integer({ min: 1, max: 100 }),
      fall: fc.integer({ min: 1, max: 100 }),
      allDown: fc.constantFrom('open' as const, 'closed' as const),
    });
    const service = fc.record({
      backends: fc.uniqueArray(backend, { selector: ({ address, port }) => `${address} ${port}`, maxLength: 5 }),
      mode: fc.constantFrom('snat', 'dsr', undefined),
      affinity: fc.option(fc.integer({ min: 1, max: 604800 })),
      health: fc.option(health),
      ranges: fc.constantFrom(undefined, { allow: ['10.0.0.0/8'], deny: ['10.1.0.0/16'] }),
    });
    fc.assert(
      fc.property(fc.array(service, { maxLength: 6 }), fc.constantFrom('snat' as const, 'dsr' as const), (made, mode) => {
        const services = made.map(({ affinity, health: check, ranges, ...rest }, index) => ({
          id: index + 1,
          frontend: { address: '40.1.1.1', port: 80 + index, protocol: 'tcp' },
          ...rest,
          ...(ranges === undefined ? {} : { sourceRanges: ranges }),
          ...(affinity === null ? {} : { affinity }),
          ...(check === null ? {} : { health: check }),
        })) as unknown as readonly Service[];
        const state: DesiredState = { mode, services, ...(made.length > 3 ? { deny: ['203.0.113.0/24'] } : {}) };
        assert.deepEqual(readConfig(writeConfig(state), 'f.yaml').state, structuredClone(state));
      }),
      { numRuns: 300 },
    );
  });
});

describe('docs', () => {
  it('have the schema, for editors', () => {
    compareGolden(`${JSON.stringify(CONFIG_SCHEMA, undefined, 2)}\n`, new URL('../../../docs/config.schema.json', import.meta.url));
  });

  it('have an example that is right, and names every key of a service', () => {
    const page = readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8');
    const [example = ''] = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text);
    assert.ok(readConfig(example, 'docs/configuration.md').state.services.length >= 2);
    for (const key of Object.keys((CONFIG_SCHEMA.properties as { services: { items: { properties: object } } }).services.items.properties))
      assert.ok(page.includes(`${key}`), key);
  });
});
