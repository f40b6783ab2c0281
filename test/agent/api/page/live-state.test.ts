// What the page knows after the agent's messages, in any order that a stream can bring.
// Imports agent/api.

import assert from 'node:assert/strict';
import type { LiveMessage, LiveService } from '../../../../agent/api/live/sample.js';
import { newState } from './pages.js';

const NONE = { forward: 0, pass: 0, drop: 0 };
const point = (at: number) => ({ at, packets: NONE, bits: NONE });
const event = (number: number) => ({ number, time: number, level: 'info', text: `event ${number}`, by: undefined }) as const;
const RATES = { packets: 0, bits: 0, replyPackets: 0, replyBits: 0, newFlows: 0 };
const service = (id: number, ...backends: readonly Partial<LiveService['backends'][number]>[]): LiveService => ({
  id,
  frontend: `40.1.1.${id}:80/tcp`,
  mode: 'snat',
  flows: 0,
  refused: 0,
  ...RATES,
  backends: backends.map((one) => ({
    backend: '20.1.1.10:80',
    state: 'active',
    health: null,
    ready: true,
    trouble: null,
    weight: 1,
    flows: 0,
    ...RATES,
    ...one,
  })),
});
const message = (at: number, more: Partial<LiveMessage> = {}): LiveMessage => ({
  version: 1,
  at,
  status: {} as LiveMessage['status'],
  reasons: [],
  point: point(at),
  events: [],
  services: [],
  ...more,
});

describe('the state of the page', () => {
  it('takes changes and removals of services', async () => {
    const state = await newState();
    state.begin(message(100, { services: [service(3), service(1), service(2)], history: [point(100)] }));
    state.sample(message(101, { services: [{ ...service(2), flows: 7 }], removed: [3] }));
    assert.deepEqual(
      state.select('').map(({ id, flows }) => [id, flows]),
      [
        [1, 0],
        [2, 7],
      ],
    );
  });

  it('has every point of time once, in order, for ten minutes, also after an agent that began anew', async () => {
    const state = await newState();
    state.begin(message(100, { history: [point(98), point(99), point(100)] }));
    state.sample(message(100));
    state.sample(message(101));
    const times = () => state.points.map(({ at }) => at);
    assert.deepEqual(times(), [98, 99, 100, 101]);
    state.begin(message(120, { history: [point(119), point(120)] }));
    assert.deepEqual(times(), [98, 99, 100, 101, 119, 120]);
    state.begin(message(121, { history: [point(100), point(121)] }));
    assert.deepEqual(times(), [98, 99, 100, 121], 'what the agent knows itself is the agent’s');
    state.begin(message(130, { history: [], point: null }));
    assert.deepEqual(times(), [98, 99, 100, 121]);
    state.sample(message(720));
    assert.deepEqual(times(), [121, 720]);
  });

  it('has each event once, and those of a new agent instead', async () => {
    const state = await newState();
    state.begin(message(1, { events: [event(4), event(5)] }));
    state.sample(message(2, { events: [event(5), event(6)] }));
    assert.deepEqual(
      state.events.map(({ number }) => number),
      [4, 5, 6],
    );
    state.sample(message(3, { events: Array.from({ length: 200 }, (_, i) => event(7 + i)) }));
    assert.equal(state.events.length, 100);
    state.begin(message(4, { events: [event(1)] }));
    assert.deepEqual(
      state.events.map(({ number }) => number),
      [1],
    );
  });

  it('finds services by all words of the filter', async () => {
    const state = await newState();
    const down = { backend: '20.1.1.20:80', health: 'down', ready: false, trouble: 'connection refused' } as const;
    state.begin(message(1, { services: [service(1, {}), service(2, {}, down), service(12, { state: 'terminating', ready: false })] }));
    const found = (filter: string) => state.select(filter).map(({ id }) => id);
    assert.deepEqual(found(' 40.1.1.1 '), [1, 12]);
    assert.deepEqual(found('DOWN'), [2]);
    assert.deepEqual(found('refused 20.1.1.20'), [2]);
    assert.deepEqual(found('terminating'), [12]);
    assert.deepEqual(found('not-ready'), [2, 12]);
    assert.deepEqual(found('down terminating'), []);
    assert.deepEqual(found('(.*'), []);
    assert.deepEqual(state.countBackends(), { all: 4, ready: 2 });
  });
});
