// The running agent on a machine in memory: what each call writes, in which order, and what a failure leaves.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import type { Service } from '../../../agent/model/service.js';
import type { Agent } from '../../../agent/control/agent.js';
import { endpoint, MAGLEV_SIZE, macOf, TestBench, update } from './support.js';

describe('the running agent', () => {
  let bench: TestBench;
  let agent: Agent;
  beforeEach(async () => {
    bench = new TestBench();
    agent = await bench.start();
    bench.kernel.journal.length = 0;
  });
  afterEach(() => bench.dispose());

  describe('the order of writes', () => {
    it('a new service: backends, then the filled table, then the table in place, then the address’s bit, then the service and its spans', async () => {
      await agent.updateService(update(1, [10, 20]));
      assert.deepEqual(bench.writes(), ['lb4_backends', 'maglev_1', 'lb_maglev', 'vips', 'lb4_services', 'lb4_spans']);
    });

    it('a backend less: the table and the service first, the backend’s slot last', async () => {
      await agent.updateService(update(1, [10, 20]));
      bench.kernel.journal.length = 0;
      await agent.updateService(update(1, [10]));
      assert.deepEqual(bench.writes(), ['maglev_1', 'lb_maglev', 'lb4_services', 'lb4_backends']);
    });

    it('a deleted service: spans, service, table, backends; the address’s bit stays', async () => {
      const before = await bench.snapshot();
      await agent.updateService(update(1, [10, 20]));
      bench.kernel.journal.length = 0;
      await agent.deleteService(1);
      assert.deepEqual(bench.writes(), ['lb4_spans delete', 'lb4_services delete', 'lb_maglev delete', 'lb4_backends']);
      assert.deepEqual(await bench.snapshot(), before);
    });

    it('another frontend: the new one stands before the old one goes', async () => {
      await agent.updateService(update(1, [10]));
      bench.kernel.journal.length = 0;
      await agent.updateService(update(1, undefined, { frontend: { address: '40.1.1.2', port: 80, protocol: 'tcp' } }));
      assert.deepEqual(bench.writes(), ['vips', 'lb4_services', 'lb4_spans', 'lb4_spans delete', 'lb4_services delete']);
      assert.equal(bench.vips().length, 2);
    });

    it('the same again writes nothing', async () => {
      const first = await agent.updateService(update(1, [10, 20]));
      bench.kernel.journal.length = 0;
      const second = await agent.updateService(update(1, [10, 20]));
      assert.deepEqual([first.outcome, second.outcome], ['created', 'unchanged']);
      assert.deepEqual(bench.writes(), []);
    });

    it('a mode switch writes service entries alone, and none of a service with its own mode', async () => {
      await agent.updateService(update(1, [10]));
      await agent.updateService(update(2, [20], { mode: 'snat' }));
      await agent.updateService(update(3, [30]));
      bench.kernel.journal.length = 0;
      assert.deepEqual(await agent.setMode('dsr'), { mode: 'dsr', before: 'snat' });
      assert.deepEqual(
        bench.kernel.journal.map(({ map }) => map),
        ['lb4_services', 'lb4_services'],
      );
      const entries = await bench.datapath().services.entries();
      assert.deepEqual(Object.fromEntries(entries.map(([, { id, action }]) => [id, action])), { 1: 'dsr-ipip', 2: 'snat', 3: 'dsr-ipip' });
      assert.equal((await agent.getService(3)).mode, 'dsr');
    });
  });

  /** Calls that change something, each after `prepare`. */
  const calls: readonly { name: string; prepare: () => Promise<unknown>; call: () => Promise<unknown> }[] = [
    { name: 'a new service', prepare: async () => {}, call: () => agent.updateService(update(2, [30, 40])) },
    {
      name: 'other backends, weights and frontend',
      prepare: () => agent.updateService(update(2, [10, 30])),
      call: () =>
        agent.updateService(update(2, [30, 40], { weights: [1, 5], frontend: { address: '40.1.1.9', port: 9, protocol: 'udp' } })),
    },
    {
      name: 'a deletion of the one service on its address',
      prepare: () => agent.updateService(update(2, [30, 40], { frontend: { address: '40.1.1.7', port: 80, protocol: 'tcp' } })),
      call: () => agent.deleteService(2),
    },
    {
      name: 'another state as a whole',
      prepare: () => agent.updateService(update(2, [30])),
      call: async () => {
        const { services } = await agent.getDesired();
        const [first, second] = services as [Service, Service];
        const third = { ...second, id: 3, frontend: { ...second.frontend, port: 8443 } };
        const wanted = {
          mode: 'dsr',
          services: [{ ...first, backends: first.backends.slice(0, 1) }, third],
          deny: ['203.0.113.0/24'],
        } as const;
        return agent.replaceDesired(wanted, false);
      },
    },
    { name: 'a mode switch', prepare: () => agent.updateService(update(2, [30])), call: () => agent.setMode('dsr') },
    {
      name: 'the last backend drained',
      prepare: () => agent.updateService(update(2, [30])),
      call: () => agent.setBackend({ id: 2, backend: endpoint(30), state: 'terminating', weight: undefined }),
    },
  ];
  for (const { name, prepare, call } of calls) {
    it(`${name}: a failure at each write leaves maps, state and file as before`, async () => {
      await agent.updateService(update(1, [10, 20]));
      await prepare();
      const before = [
        await bench.snapshot(),
        await agent.listServices(),
        await agent.getMode(),
        readFileSync(bench.settings.stateFile, 'utf8'),
      ];
      let failures = 0;
      for (let nth = 1; ; nth++) {
        bench.kernel.failOn('map-write', nth, new Error(`write ${nth} refused`));
        const outcome = await call().then(
          () => 'done',
          (error: Error) => error.message,
        );
        if (outcome === 'done') break;
        failures++;
        assert.equal(outcome, `write ${nth} refused`);
        const after = [
          await bench.snapshot(),
          await agent.listServices(),
          await agent.getMode(),
          readFileSync(bench.settings.stateFile, 'utf8'),
        ];
        assert.deepEqual(after, before);
      }
      assert.ok(failures >= 2, `only ${failures} writes were made to fail`);
      assert.notDeepEqual(await bench.snapshot(), before[0]);
    });

    it(`${name}: killed at any write, it is completed by the next start`, async () => {
      await agent.updateService(update(1, [10, 20]));
      await prepare();
      const before = readFileSync(bench.settings.stateFile, 'utf8');
      let killed = 0;
      for (let nth = 1; ; nth++) {
        const kernel = bench.kernel;
        const check = kernel.checkFault.bind(kernel);
        let file: string | undefined;
        let writes = 0;
        // From its n-th write on the process can do nothing any more: neither write nor undo, and the file stays as it is then.
        kernel.checkFault = (operation) => {
          if (operation === 'map-write' && ++writes >= nth) {
            file ??= readFileSync(bench.settings.stateFile, 'utf8');
            throw new Error('killed');
          }
          check(operation);
        };
        await call().catch(() => undefined);
        kernel.checkFault = check;
        if (file === undefined) break;
        killed++;
        writeFileSync(bench.settings.stateFile, file);
        agent = await bench.restart();
        const completed = await bench.snapshot();
        await call().catch(() => undefined);
        assert.deepEqual(await bench.snapshot(), completed, `killed at write ${nth}: the next start has not completed the call`);
        // Back to where it began, for the next write to be killed at.
        writeFileSync(bench.settings.stateFile, before);
        agent = await bench.restart({ mode: 'snat' });
      }
      assert.ok(killed >= 1);
    });
  }

  it('a state file that cannot be written refuses the call before any map is touched', async () => {
    const blocked = new TestBench();
    const other = await blocked.start();
    blocked.kernel.journal.length = 0;
    const { rmSync, mkdirSync } = await import('node:fs');
    rmSync(blocked.settings.stateFile);
    mkdirSync(blocked.settings.stateFile);
    await assert.rejects(other.updateService(update(1, [10])), { code: 'FL_E_STATE' });
    assert.deepEqual(blocked.writes(), []);
    assert.deepEqual(await other.listServices(), []);
    blocked.dispose();
  });

  describe('backend ids and generations', () => {
    const slots = async () =>
      Object.fromEntries((await bench.datapath().backends.entries()).map(([id, entry]) => [entry.address, [id, entry.generation]]));

    it('a drained backend keeps id and generation, and gets no new flow', async () => {
      await agent.updateService(update(1, [10, 20]));
      const before = await slots();
      const { view } = await agent.setBackend({ id: 1, backend: endpoint(10), state: 'terminating', weight: undefined });
      assert.deepEqual(await slots(), before);
      assert.deepEqual([view.state, view.share], ['terminating', 0]);
      const table = await bench.datapath().maglev.get(1, MAGLEV_SIZE);
      assert.deepEqual(new Set(table), new Set([before['20.1.1.20']?.[0]]));
    });

    it('an update keeps the ids of the backends that stay; a slot reused gets another generation', async () => {
      await agent.updateService(update(1, [10, 20]));
      const before = await slots();
      await agent.updateService(update(1, [20, 30]));
      assert.deepEqual((await slots())['20.1.1.20'], before['20.1.1.20']);
      await agent.updateService(update(1, [20, 30, 40]));
      const [id, generation] = before['20.1.1.10'] as [number, number];
      assert.deepEqual((await slots())['20.1.1.40'], [id, generation + 1]);
    });

    it('generations wrap at 16 bits and are never 0', async () => {
      const { nextGeneration } = await import('../../../agent/control/apply/apply.js');
      assert.deepEqual([0, 1, 0xfffe, 0xffff].map(nextGeneration), [1, 2, 0xffff, 1]);
    });

    it('no slot left: refused, and all as before', async () => {
      const before = await bench.snapshot();
      const many = Array.from({ length: 17 }, (_, i) => endpoint(10, 1000 + i));
      await assert.rejects(agent.updateService({ ...update(1, []), backends: many }), { code: 'FL_E_LIMIT' });
      assert.deepEqual(await bench.snapshot(), before);
    });
  });

  it('a service with no backend that takes flows says so in its entry, and recovers', async () => {
    await agent.updateService(update(1, [10]));
    await agent.setBackend({ id: 1, backend: endpoint(10), state: undefined, weight: 0 });
    const entry = async () => (await bench.datapath().services.entries())[0]?.[1];
    assert.deepEqual([(await entry())?.backendCount, (await entry())?.maglevDigest], [0, 0]);
    await agent.setBackend({ id: 1, backend: endpoint(10), state: undefined, weight: 2 });
    assert.equal((await entry())?.backendCount, 1);
    assert.deepEqual([...((await bench.datapath().maglev.get(1, MAGLEV_SIZE)) ?? [])], [0, 0, 0, 0, 0, 0, 0]);
  });

  it('what cannot be is refused, naming it', async () => {
    await agent.updateService(update(1, [10]));
    await assert.rejects(agent.updateService({ ...update(2, undefined) }), { code: 'FL_E_USAGE', message: /--backends missing/ });
    const own = { frontend: { address: '20.1.1.1', port: 80, protocol: 'tcp' } };
    await assert.rejects(agent.updateService(update(2, [10], own)), { code: 'FL_E_CONFLICT', message: /LB's own address/ });
    await assert.rejects(agent.setBackend({ id: 1, backend: endpoint(20), state: 'active', weight: undefined }), {
      code: 'FL_E_NOT_FOUND',
    });
    await assert.rejects(agent.deleteService(9), { code: 'FL_E_NOT_FOUND', hint: 'ids in use: 1' });
    await assert.rejects(agent.updateNeighbour('1.2.3.4'), { code: 'FL_E_NOT_FOUND' });
    await assert.rejects(agent.dumpState(9)[Symbol.asyncIterator]().next(), { code: 'FL_E_NOT_FOUND' });
  });

  it('calls at the same time are carried out one after the other', async () => {
    const all = [1, 2, 3, 4].map((id) => agent.updateService(update(id, [10, 20])));
    await Promise.all([...all, agent.setMode('dsr'), agent.deleteService(3)]);
    assert.deepEqual(
      (await agent.listServices()).map(({ id, mode }) => [id, mode]),
      [1, 2, 4].map((id) => [id, 'dsr']),
    );
    const entries = (await bench.datapath().services.entries()).map(([, { id }]) => id);
    assert.deepEqual(entries.sort(), [1, 2, 4]);
  });

  it('status and lists tell what holds', async () => {
    const { view } = await agent.updateService(update(1, [10, 20], { weights: [3, 1] }));
    assert.deepEqual(
      view.backends.map(({ mac, device, nextHop, share }) => ({ mac, device, nextHop, share })),
      [10, 20].map((last, index) => ({ mac: macOf(last), device: 'eth0', nextHop: 'resolved', share: [0.75, 0.25][index] })),
    );
    const status = await agent.status();
    assert.deepEqual([status.services, status.backends, status.unresolvedBackends, status.snatRange], [1, 2, 0, [1024, 32767]]);
    assert.deepEqual(status.flows, { entries: 0, limit: 128 });
    assert.deepEqual(status.warnings, []);
  });
});
