import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { type HealthChange, HealthChecker, type Known } from '../../../agent/health/checker.js';
import type { Probe } from '../../../agent/health/probe.js';
import type { HealthCheck } from '../../../agent/model/health.js';
import type { Service } from '../../../agent/model/service.js';

const CHECK: HealthCheck = { kind: 'tcp', interval: 50, timeout: 50, rise: 2, fall: 2, allDown: 'open' };
const service = (health: HealthCheck | undefined, ...last: number[]): Service => ({
  id: 1,
  frontend: { address: '40.1.1.1', port: 80, protocol: 'tcp' },
  backends: last.map((one) => ({ address: `20.1.1.${one}`, port: 0, weight: 1, state: 'active' })),
  mode: undefined,
  ...(health === undefined ? {} : { health }),
});

describe('the checks of services', function () {
  this.timeout(20_000);
  const failing = new Set<string>();
  const asked: string[] = [];
  /** When, milliseconds. */
  const askedAt: number[] = [];
  const changes: HealthChange[] = [];
  let checker: HealthChecker;

  beforeEach(() => {
    failing.clear();
    asked.length = 0;
    askedAt.length = 0;
    changes.length = 0;
    const probe: Probe = async (_check, { at: { address, port } }) => {
      asked.push(`${address}:${port}`);
      askedAt.push(performance.now());
      if (failing.has(address)) throw new Error('refused');
    };
    checker = new HealthChecker((change) => void changes.push(change), probe);
  });
  afterEach(() => checker.close());

  const stateOf = (last: number) => checker.statusOf(1, { address: `20.1.1.${last}`, port: 0 })?.state;
  const until = async (done: () => boolean) => {
    while (!done()) await sleep(5);
  };

  it('find what is down and what is up again, and tell each once', async () => {
    failing.add('20.1.1.20');
    checker.follow([service(CHECK, 10, 20)]);
    assert.equal(stateOf(10), 'unknown');
    await until(() => stateOf(10) === 'up' && stateOf(20) === 'down');
    const status = checker.statusOf(1, { address: '20.1.1.20', port: 0 });
    assert.equal(status?.reason, 'refused');
    failing.clear();
    await until(() => stateOf(20) === 'up');
    assert.deepEqual(changes.map(({ backend, status: { state } }) => `${backend.address} ${state}`).sort(), [
      '20.1.1.10 up',
      '20.1.1.20 down',
      '20.1.1.20 up',
    ]);
  });

  it('ask at the port that serves, or at their own', async () => {
    checker.follow([service(CHECK, 10)]);
    await until(() => asked.length > 0);
    assert.equal(asked[0], '20.1.1.10:80');
    checker.follow([service({ ...CHECK, port: 8080 }, 10)]);
    await until(() => asked.includes('20.1.1.10:8080'));
  });

  it('begin with what was known, and keep what they know when their details change', async () => {
    failing.add('20.1.1.10');
    checker.follow([service(CHECK, 10)], () => 'down');
    assert.equal(stateOf(10), 'down');
    checker.follow([service({ ...CHECK, fall: 5 }, 10)]);
    assert.equal(stateOf(10), 'down');
  });

  it('begin as up with a backend that serves already, whatever new ones begin as', () => {
    const known = (_service: number, { address }: { address: string }): Known => (address === '20.1.1.10' ? 'up' : undefined);
    checker.follow([service({ ...CHECK, initial: 'down' }, 10, 20)], known);
    assert.deepEqual([stateOf(10), stateOf(20)], ['up', 'unknown']);
  });

  it('leave out of the interval no more than the jitter', async () => {
    checker.follow([service({ ...CHECK, interval: 100, jitter: 0 }, 10)]);
    await until(() => asked.length > 3);
    // A timer may be late, never early: no machine is too slow for this.
    assert.ok((askedAt[3] as number) - (askedAt[0] as number) >= 290, `asked at ${askedAt.join(', ')}`);
  });

  it('run a program for a service of every port too, and nothing else', () => {
    const everyPort = (health: HealthCheck): Service => ({
      ...service(health, 10),
      frontend: { address: '40.1.1.1', port: 0, protocol: 'tcp', lastPort: 65535 },
    });
    checker.follow([everyPort(CHECK)]);
    assert.equal(stateOf(10), undefined);
    checker.follow([everyPort({ ...CHECK, kind: 'exec', command: ['/bin/true'] })]);
    assert.equal(stateOf(10), 'unknown');
  });

  it('end with their backend, their service, and close', async () => {
    checker.follow([service(CHECK, 10, 20)]);
    await until(() => asked.length >= 2);
    checker.follow([service(CHECK, 10)]);
    assert.equal(stateOf(20), undefined);
    checker.follow([service(undefined, 10)]);
    assert.equal(stateOf(10), undefined);
    checker.follow([service(CHECK, 10)]);
    checker.close();
    const count = asked.length;
    await sleep(200);
    assert.equal(asked.length, count);
  });
});
