// Tables that are built on a thread: the same as without it, and none where the thread cannot be had.
// Imports agent/control/apply, agent/model. Needs a current dist/.

import assert from 'node:assert/strict';
import { MaglevBuilder, servingOf } from '../../../../agent/control/apply/maglev-builder.js';
import { buildMaglevTable } from '../../../../agent/model/maglev.js';
import type { Service } from '../../../../agent/model/service.js';
import { makeKernel, SIZES, TestBench } from '../support.js';

const THREAD = new URL('../../../../dist/program/maglev-thread.js', import.meta.url);
const SIZE = 251;

const service = (id: number, ...states: readonly ('active' | 'maintenance')[]): Service => ({
  id,
  frontend: { address: `40.1.${id >> 8}.${id & 255}`, port: 80, protocol: 'tcp' },
  backends: states.map((state, index) => ({ address: `20.1.1.${index + 10}`, port: id, weight: index + 1, state })),
  mode: undefined,
});

describe('Maglev tables that a thread builds', () => {
  let builder: MaglevBuilder;
  afterEach(() => builder.close());

  it('are those of the backends that serve, and there are none for services that serve nothing', async () => {
    builder = new MaglevBuilder(THREAD);
    const services = [service(1, 'active', 'maintenance', 'active'), service(2), service(3, 'maintenance'), service(4, 'active')];
    const built = await builder.build(services, SIZE);
    assert.deepEqual([...built.keys()], [1, 4]);
    for (const one of services.filter(({ id }) => built.has(id)))
      assert.deepEqual(built.get(one.id), buildMaglevTable(servingOf(one), SIZE));
    assert.deepEqual([...(await builder.build([service(9, 'active')], SIZE)).keys()], [9], 'and again');
  });

  it('that cannot be built are left out, the others not', async () => {
    builder = new MaglevBuilder(THREAD);
    const many = service(1, ...Array.from({ length: 8 }, () => 'active' as const));
    assert.deepEqual([...(await builder.build([many, service(2, 'active')], 7)).keys()], [2]);
  });

  it('are none where there is no thread', async () => {
    builder = new MaglevBuilder(new URL('file:///nonexistent/thread.js'));
    assert.equal((await builder.build([service(1, 'active')], SIZE)).size, 0);
    assert.equal((await builder.build([service(1, 'active')], SIZE)).size, 0);
  });
});

describe('hundreds of services at once', function () {
  this.timeout(60_000);

  it('stand in the maps as each alone would, with and without a thread', async () => {
    const sizes = { ...SIZES, maxServices: 512, maxBackends: 1024 };
    const bench = new TestBench(makeKernel({}, sizes), sizes);
    try {
      const agent = await bench.start();
      const services = Array.from({ length: 300 }, (_, index) => service(index + 1, 'active', 'active'));
      await agent.replaceDesired({ mode: 'snat', services }, false);
      const { maglev, services: entries } = bench.datapath();
      for (const one of services) {
        assert.notEqual(entries.get(one.frontend)?.maglevDigest, 0, `service ${one.id}`);
        const ids = [...((await maglev.get(one.id, SIZES.maglevSize)) ?? [])];
        const wanted = buildMaglevTable(servingOf(one), ids.length);
        const [first, second] = [Math.min(...ids), Math.max(...ids)];
        assert.deepEqual(
          ids,
          [...wanted].map((index) => (index === 0 ? first : second)),
          `service ${one.id}`,
        );
      }
      await agent.close();
    } finally {
      bench.dispose();
    }
  });
});
