// Watching events on a machine in memory: when they are on, what is told of each, and every way in which a watch ends.

import assert from 'node:assert/strict';
import type { Agent, EventWatch } from '../../../agent/control/agent.js';
import { EVENT, EVENT_COUNT, EVENT_FILTER, encodeIndex } from '../../../agent/datapath/layout.js';
import type { Decoded } from '../../../agent/datapath/struct.js';
import type { EventFilter, PacketEvent } from '../../../agent/model/events.js';
import type { MapObject } from '../../../platform/fake/objects.js';
import { TestBench, update } from './support.js';

const FILTER: EventFilter = {
  kinds: ['new-flow', 'sample'],
  sample: 3,
  rate: 100,
  snap: 64,
  service: undefined,
  prefix: undefined,
  reason: undefined,
};
const bytes = (...values: readonly number[]) => Buffer.from([...values, ...new Array<number>(16 - values.length).fill(0)]);

describe('watching events', () => {
  let bench: TestBench;
  let agent: Agent;
  const stop = () => new AbortController();
  beforeEach(async () => {
    bench = new TestBench();
    agent = await bench.start();
    await agent.updateService(update(1, [10, 20]));
  });
  afterEach(() => bench.dispose());

  const map = (name: string): MapObject => [...bench.kernel.maps.values()].find(({ spec }) => spec.name === name) as MapObject;
  const filter = () => EVENT_FILTER.decode(map('event_filter').get(encodeIndex(0))?.value ?? Buffer.alloc(EVENT_FILTER.size));
  const isOn = () => filter().kinds !== 0;
  /** Puts an event into the ring as the program would. */
  const emit = (change: Partial<Decoded<typeof EVENT>> = {}): void => {
    const nanoseconds = Number(bench.kernel.clock().nanoseconds());
    const record = EVENT.encode({
      time: nanoseconds,
      watch: filter().watch,
      serviceId: 1,
      backendId: 1,
      ifindex: 2,
      packetBytes: 74,
      captured: 4,
      kind: 1,
      reason: 0,
      saddr: bytes(20, 1, 1, 100),
      daddr: bytes(40, 1, 1, 1),
      sport: 4000,
      dport: 81,
      protocol: 6,
      family: 4,
      verdict: 3,
      packet: Buffer.from([1, 2, 3, 4]),
      ...change,
    });
    assert.ok(map('events').ring?.put(record.subarray(0, EVENT.fields.packet.offset + 4)));
  };
  /** The next event, the watch being on by then. */
  const next = async (events: AsyncIterator<PacketEvent>, emitted: () => void): Promise<PacketEvent | undefined> => {
    const coming = events.next();
    emitted();
    const { value, done } = await coming;
    return done ? undefined : value;
  };
  const begin = (watch: EventWatch): AsyncIterator<PacketEvent> => watch[Symbol.asyncIterator]();

  it('tells device, service, backend and names, and the packet', async () => {
    const event = await next(begin(agent.watchEvents(FILTER, stop().signal)), emit);
    const { time, ...view } = event?.view ?? {};
    assert.deepEqual(view, {
      kind: 'new-flow',
      reason: 'snat_request',
      verdict: 'tx',
      device: 'eth0',
      source: '20.1.1.100',
      sourcePort: 4000,
      destination: '40.1.1.1',
      destinationPort: 81,
      protocol: 'tcp',
      service: 1,
      backend: '20.1.1.20',
      backendPort: 80,
      bytes: 74,
    });
    assert.ok(Math.abs((time ?? 0) - Date.now() / 1000) < 60, `${time}`);
    assert.deepEqual(event?.packet, Buffer.from([1, 2, 3, 4]));
  });

  it('says "not known" of what is not', async () => {
    const change = { serviceId: 0, backendId: 0xffff_ffff, ifindex: 99, family: 0, protocol: 0, sport: 0, dport: 0 };
    const event = await next(begin(agent.watchEvents(FILTER, stop().signal)), () => emit(change));
    const { device, source, sourcePort, destination, destinationPort, protocol, service, backend, backendPort } = event?.view ?? {};
    const unknown = [device, source, sourcePort, destination, destinationPort, protocol, service, backend, backendPort];
    assert.deepEqual(unknown, new Array(9).fill(undefined));
  });

  it('keeps the distances between events to the microsecond', async () => {
    const events = begin(agent.watchEvents(FILTER, stop().signal));
    const now = Number(bench.kernel.clock().nanoseconds());
    const first = await next(events, () => emit({ time: now }));
    const second = await next(events, () => emit({ time: now + 1_234_567_000 }));
    assert.equal(Math.round(((second?.view.time ?? 0) - (first?.view.time ?? 0)) * 1e6), 1_234_567);
  });

  it('hands the whole filter to the data plane', async () => {
    const all = { ...FILTER, service: 1, reason: 'no_backend', prefix: { address: '10.128.0.0', length: 9 } };
    const events = begin(agent.watchEvents(all, stop().signal));
    await next(events, emit);
    const { watch, ...rest } = filter();
    assert.ok(watch > 0);
    assert.deepEqual(rest, {
      kinds: 0b101,
      sample: 3,
      rate: 100,
      serviceId: 1,
      snap: 64,
      reason: 13,
      family: 4,
      address: bytes(10, 128),
      mask: bytes(255, 128),
    });
  });

  it('is off before it is asked for the first event, on while it runs, off after a break', async () => {
    const watch = agent.watchEvents(FILTER, stop().signal);
    assert.equal(isOn(), false);
    const events = begin(watch);
    await next(events, emit);
    assert.equal(isOn(), true);
    await events.return?.();
    assert.equal(isOn(), false);
  });

  it('ends with its signal, also when no event comes', async () => {
    const ending = stop();
    const waiting = next(begin(agent.watchEvents(FILTER, ending.signal)), () => assert.equal(isOn(), true));
    ending.abort();
    assert.equal(await waiting, undefined);
    assert.equal(isOn(), false);
  });

  it('gives nothing when the signal was given before', async () => {
    const events = begin(agent.watchEvents(FILTER, AbortSignal.abort()));
    assert.equal((await events.next()).done, true);
    assert.equal(isOn(), false);
  });

  it('is off when the reader fails', async () => {
    const reading = (async () => {
      for await (const { view } of agent.watchEvents(FILTER, stop().signal)) throw new Error(view.reason);
    })();
    emit();
    await assert.rejects(reading, /snat_request/);
    assert.equal(isOn(), false);
  });

  for (const how of ['close', 'unload'] as const) {
    it(`ends with the agent's ${how}, read or not`, async () => {
      const read = begin(agent.watchEvents(FILTER, stop().signal));
      await next(read, emit);
      const losses = map('event_filter');
      await agent[how]();
      assert.equal(EVENT_FILTER.decode(losses.get(encodeIndex(0))?.value as Buffer).kinds, 0);
      assert.equal((await read.next()).done, true);
    });
  }

  it('ends with the agent while it waits', async () => {
    const waiting = next(begin(agent.watchEvents(FILTER, stop().signal)), () => {});
    await agent.close();
    assert.equal(await waiting, undefined);
  });

  it('one at a time: a second one is refused and does not disturb the first', async () => {
    const first = begin(agent.watchEvents(FILTER, stop().signal));
    const second = begin(agent.watchEvents(FILTER, stop().signal));
    await next(first, emit);
    assert.throws(() => agent.watchEvents(FILTER, stop().signal), { code: 'FL_E_CONFLICT' });
    await assert.rejects(second.next(), { code: 'FL_E_CONFLICT' });
    assert.equal((await next(first, emit))?.view.kind, 'new-flow');
    await first.return?.();
    assert.equal((await next(begin(agent.watchEvents(FILTER, stop().signal)), emit))?.view.kind, 'new-flow');
  });

  it('an unknown service is refused at once', () => {
    assert.throws(() => agent.watchEvents({ ...FILTER, service: 7 }, stop().signal), { code: 'FL_E_NOT_FOUND' });
  });

  it('leaves out what an earlier watch left in the ring, and records that it does not know', async () => {
    emit({ watch: 77 });
    const events = begin(agent.watchEvents(FILTER, stop().signal));
    const event = await next(events, () => {
      emit({ watch: 77, reason: 1 });
      emit({ reason: 200 });
      emit({ kind: 9 });
      emit({ verdict: 0 });
      map('events').ring?.put(Buffer.alloc(8));
      emit({ reason: 2 });
    });
    assert.equal(event?.view.reason, 'dsr_ipip');
  });

  it('counts what was left out since it began, on all CPUs, and still knows it after its end', async () => {
    const setLosses = (limited: number, lost: number): void => {
      const part = EVENT_COUNT.encode({ began: 0, limited, lost, sent: 0, sinceSample: 0, watch: 0 });
      map('event_count').set(encodeIndex(0), Buffer.concat([part, part]), 'any');
    };
    setLosses(5, 1);
    const watch = agent.watchEvents(FILTER, stop().signal);
    assert.deepEqual(watch.losses(), { limited: 0, lost: 0 });
    const events = begin(watch);
    await next(events, emit);
    setLosses(15, 4);
    assert.deepEqual(watch.losses(), { limited: 20, lost: 6 });
    await events.return?.();
    setLosses(99, 99);
    assert.deepEqual(watch.losses(), { limited: 20, lost: 6 });
  });

  it('is switched off by the next start when the agent was killed', async () => {
    await next(begin(agent.watchEvents(FILTER, stop().signal)), emit);
    const before = filter();
    // What SIGKILL leaves: nobody runs a finally.
    bench.kill();
    map('event_filter').set(encodeIndex(0), EVENT_FILTER.encode(before), 'any');
    assert.equal(isOn(), true);
    agent = await bench.start();
    assert.equal(isOn(), false);
    await next(begin(agent.watchEvents(FILTER, stop().signal)), emit);
    assert.notEqual(filter().watch, before.watch);
  });

  it('a start with events off writes nothing', async () => {
    await agent.close();
    bench.kernel.journal.length = 0;
    agent = await bench.restart();
    assert.ok(!bench.writes().includes('event_filter'));
  });

  it('lets other work run between many events', async () => {
    const ending = stop();
    const events = begin(agent.watchEvents(FILTER, ending.signal));
    const feed = () => {
      while (
        map('events').ring?.put(EVENT.encode({ ...EVENT.decode(Buffer.alloc(EVENT.size)), watch: filter().watch, kind: 1, verdict: 1 }))
      );
    };
    await next(events, emit);
    let seen = 0;
    setTimeout(() => ending.abort(), 10);
    feed();
    for (let one = await events.next(); !one.done; one = await events.next()) {
      seen++;
      if (seen % 50 === 0) feed();
      assert.ok(seen < 5_000_000, 'the signal was never seen');
    }
    assert.ok(ending.signal.aborted);
  });
});
