// Steps over the tables on a machine in memory: what a step that was done still holds, and that it can be undone all the same.
// Imports agent/control/apply and its siblings.

import assert from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Frontends, Slots } from '../../../../agent/control/apply/slots.js';
import { RangeBook } from '../../../../agent/control/apply/source-policy.js';
import { type Tables, writeMaglev } from '../../../../agent/control/apply/table-steps.js';
import { MAGLEV_SIZE, TestBench } from '../support.js';

describe('the step that writes Maglev tables', () => {
  let bench: TestBench;
  let tables: Tables;
  beforeEach(async () => {
    bench = new TestBench();
    await bench.start();
    tables = { datapath: bench.datapath(), slots: new Slots(4), frontends: new Frontends(), ranges: new RangeBook() };
  });
  afterEach(() => {
    tables.datapath.close();
    bench.dispose();
  });
  const get = async (id: number): Promise<number | undefined> => (await tables.datapath.maglev.get(id, MAGLEV_SIZE))?.[0];
  const table = (content: number): Uint32Array => new Uint32Array(MAGLEV_SIZE).fill(content);

  it('puts what stood there back, of all its services', async () => {
    await tables.datapath.maglev.set(new Map([[1, table(1)]]));
    const step = writeMaglev(
      tables,
      MAGLEV_SIZE,
      new Map([
        [1, table(2)],
        [2, table(3)],
      ]),
    );
    await step.run();
    assert.deepEqual([await get(1), await get(2)], [2, 3]);
    await step.undo();
    assert.deepEqual([await get(1), await get(2)], [1, undefined]);
  });

  it('keeps no table that it has put in place: a transaction keeps the steps of thousands of services', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const steps = [];
    const kept: WeakRef<Uint32Array>[] = [];
    for (let id = 1; id <= 8; id++) {
      const made = table(id);
      kept.push(new WeakRef(made));
      const step = writeMaglev(tables, MAGLEV_SIZE, new Map([[id, made]]));
      await step.run();
      steps.push(step);
    }
    // A reference that was looked at is held until the end of that turn of the event loop.
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    const left = kept.filter((one) => one.deref() !== undefined).length;
    // The last one may still stand in a register.
    assert.ok(left <= 1, `${left} of 8 tables are kept`);
    for (const step of steps) await step.undo();
    assert.equal(await get(8), undefined);
  });
});
