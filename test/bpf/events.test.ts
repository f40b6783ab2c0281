// Events of the program in the kernel, and of the Windows object under the interpreter: what each kind of packet tells, and what filters, samples and
// rates let through.
// Imports the harness, the interpreter's bed, the packet builder and the agent's own table of events.
// Counts, never times: runs that belong together are one call, which the kernel makes on one CPU.

import assert from 'node:assert/strict';
import { encodeIndex, EVENT_COUNT } from '../../agent/datapath/layout.js';
import { type EventRecord, type EventStream, EventsTable } from '../../agent/datapath/events-table.js';
import { EVENT_KINDS, type EventFilter } from '../../agent/model/events.js';
import type { BpfMap } from '../../platform/port.js';
import { buildFrame, ethernet, icmp, ipv4, ipv6, tcp, udp, vlan } from '../support/packet/build.js';
import { onOneCpu } from '../model/one-cpu.js';
import { putDefaults, send, useLoader } from './harness.js';
import { windowsInterpreterBed } from './interpreter-bed.js';
import type { DataPlane, Flavour } from './load.js';
import { backends, backendEntry, establishedFlow, establishedReverse, serviceEntry } from './states.js';
import type { TestBed } from './test-bed.js';
import { DEVICE, LOOPBACK, WORLDS } from './world.js';

const WORLD = WORLDS[4];
const { BACKEND, CLIENT, LB, reply, request, SETTINGS, VIP } = WORLD;

const ANY: EventFilter = {
  kinds: EVENT_KINDS,
  sample: 1,
  rate: 0,
  snap: 256,
  service: undefined,
  prefix: undefined,
  reason: undefined,
};
const SYN = { flags: ['syn'] } as const;
const ETHERNET = { dst: LB.mac, src: CLIENT.mac };
/** Passed as it is, however often it comes. */
const STRAY = request('tcp', { ip: { dst: '9.9.9.9' } });

function tableOf(plane: DataPlane): EventsTable {
  const maps = { events: plane.map('events'), filter: plane.map('event_filter'), count: plane.map('event_count') };
  return new EventsTable(maps, plane.bed.rings, plane.clock);
}

/** All CPUs' parts of an entry of event_count. */
function setCounts(map: BpfMap, count: Partial<ReturnType<typeof EVENT_COUNT.decode>>): void {
  const value = map.lookup(encodeIndex(0)) as Buffer;
  const parts: Buffer[] = [];
  for (let at = 0; at < value.length; at += EVENT_COUNT.size) {
    parts.push(EVENT_COUNT.encode({ ...EVENT_COUNT.decode(value, at), ...count }));
  }
  map.update(encodeIndex(0), Buffer.concat(parts));
}

interface Suite {
  readonly title: string;
  readonly flavour: Flavour;
  /** Default: this kernel, which needs root. */
  readonly makeBed?: () => TestBed;
  /** What becomes of a packet whose backend is behind another device. */
  readonly elsewhere: 'redirect' | 'drop';
  /** Events that are more than the ring holds. */
  readonly flood: number;
}

const makeBed = () => windowsInterpreterBed({ adjustHead: 'works' });
const suites: readonly Suite[] = [
  { title: 'events, compiled settings', flavour: 'compiled settings', elsewhere: 'redirect', flood: 50_000 },
  { title: 'events, settings in the config map', flavour: 'settings in the config map', elsewhere: 'redirect', flood: 50_000 },
  { title: 'events on Windows, interpreted', flavour: 'compiled settings', makeBed, elsewhere: 'drop', flood: 20_000 },
];
for (const { title, flavour, makeBed: given, elsewhere, flood } of suites) {
  describe(title, () => {
    const loader = useLoader(given);
    let plane: DataPlane;
    let stream: EventStream | undefined;
    const watch = (filter: Partial<EventFilter> = {}): EventStream => {
      stream?.close();
      stream = tableOf(plane).open({ ...ANY, ...filter });
      return stream;
    };
    /** The events of these packets. */
    const eventsOf = (...packets: readonly Buffer[]): readonly EventRecord[] => {
      for (const packet of packets) send(plane, packet);
      return stream?.take(1000) ?? [];
    };
    /** `times` runs on one CPU. One by one: a call that repeats ends early (EINTR) when anything is pending for this thread, such as Node's own io_uring. */
    const repeat = (times: number, packet = STRAY) =>
      onOneCpu(() =>
        plane.bed.run(() => {
          for (let run = 0; run < times; run++) plane.program.testRun(packet);
        }),
      );

    beforeEach(async () => {
      plane = await loader().load(flavour, SETTINGS);
      await putDefaults(plane, WORLD);
    });
    afterEach(() => {
      stream?.close();
      stream = undefined;
    });

    describe('tell', () => {
      it('a new flow: its tuple as it came in, service, backend, device, length, bytes, time', () => {
        const packet = request('tcp', { ...SYN, payload: 'x'.repeat(100) });
        const before = Number(plane.clock.nanoseconds());
        watch();
        const [event, ...more] = eventsOf(packet);
        assert.deepEqual(more, []);
        const { nanoseconds, ...rest } = event as EventRecord;
        assert.ok(nanoseconds >= before && nanoseconds <= Number(plane.clock.nanoseconds()));
        assert.deepEqual(rest, {
          kind: 'new-flow',
          reason: 'snat_request',
          verdict: 'tx',
          ifindex: LOOPBACK,
          serviceId: 1,
          backendId: BACKEND.a.id,
          source: CLIENT.address,
          destination: VIP.address,
          sourcePort: CLIENT.port,
          destinationPort: VIP.tcpPort,
          protocol: 6,
          bytes: packet.length,
          packet,
        });
      });

      it('a new flow under DSR, and the packet without its outer header', async () => {
        for (const action of ['dsr-ipip', 'dsr-l2'] as const) {
          await putDefaults(plane, WORLD, { services: [serviceEntry(WORLD, 'tcp', { action })] });
          watch();
          const packet = request('tcp', SYN);
          const [event] = eventsOf(packet);
          assert.deepEqual([event?.kind, event?.reason, event?.packet], ['new-flow', action.replace('-', '_'), packet]);
        }
      });

      it('a drop with its reason, service and packet', async () => {
        await putDefaults(plane, WORLD, { services: [serviceEntry(WORLD, 'udp', { table: [], backendCount: 0 })] });
        watch();
        const packet = request('udp');
        const [event] = eventsOf(packet);
        const { kind, reason, verdict, serviceId, backendId, protocol } = event as EventRecord;
        assert.deepEqual([kind, reason, verdict, serviceId, backendId, protocol], ['drop', 'no_backend', 'drop', 2, undefined, 17]);
        assert.deepEqual(event?.packet, packet);
      });

      it("a packet of a flow that is known, as a sample with the flow's backend", async () => {
        await putDefaults(plane, WORLD, { flows: [establishedFlow(WORLD, 'tcp')], replies: [establishedReverse(WORLD, 'tcp')] });
        watch();
        const packets = [request('tcp'), reply('tcp')];
        const events = eventsOf(...packets);
        assert.deepEqual(
          events.map(({ kind, reason, serviceId, backendId, source }) => [kind, reason, serviceId, backendId, source]),
          [
            ['sample', 'snat_request', 1, BACKEND.a.id, CLIENT.address],
            ['sample', 'snat_reply', 1, BACKEND.a.id, BACKEND.a.address],
          ],
        );
        assert.deepEqual(
          events.map(({ packet }) => packet),
          packets,
        );
      });

      it('a flow that begins anew on a known tuple as a new flow, and the packet behind it not', async () => {
        await putDefaults(plane, WORLD, {
          flows: [establishedFlow(WORLD, 'tcp', { seenAgo: 30000 })],
          replies: [establishedReverse(WORLD, 'tcp', { seenAgo: 30000 })],
        });
        watch();
        assert.deepEqual(
          eventsOf(request('tcp', SYN), request('tcp')).map(({ kind }) => kind),
          ['new-flow', 'sample'],
        );
      });

      it('no new flow where no entry was made', async () => {
        const limited = await loader().load('settings in the config map', { ...SETTINGS, newFlowRate: 1 });
        await putDefaults(limited, WORLD, {
          services: [serviceEntry(WORLD, 'tcp', { action: 'dsr-l2' })],
          window: { count: 1, beganAgo: 0 },
        });
        plane = limited;
        watch();
        assert.deepEqual(
          eventsOf(request('tcp', SYN)).map(({ kind, reason }) => [kind, reason]),
          [['sample', 'dsr_untracked']],
        );
      });

      it('whether a packet leaves by another device, and by which it came in', async () => {
        await putDefaults(plane, WORLD, { backends: backends(WORLD, backendEntry(WORLD, 'a', { ifindex: DEVICE.index })) });
        watch();
        plane.bed.run(() => plane.program.testRun(request('tcp', SYN)));
        plane.bed.run(() => plane.program.testRun(STRAY, { ingressIfindex: DEVICE.index }));
        assert.deepEqual(
          stream?.take(10).map(({ verdict, ifindex }) => [verdict, ifindex]),
          [
            [elsewhere, LOOPBACK],
            ['pass', DEVICE.index],
          ],
        );
      });

      const syn = tcp({ src: 1, dst: 2, flags: ['syn'] });
      const v4 = { src: '1.2.3.4', dst: '5.6.7.8' };
      const v6 = { src: '2001:db8::1', dst: '2001:db8::2' };
      const tuples: readonly [string, Buffer, unknown][] = [
        ['IPv6', buildFrame(ethernet(ETHERNET), ipv6(v6), udp({ src: 7, dst: 8 })), [v6.src, v6.dst, 7, 8, 17]],
        ['one VLAN tag', buildFrame(ethernet(ETHERNET), vlan({ id: 5 }), ipv4(v4), syn), [v4.src, v4.dst, 1, 2, 6]],
        [
          'two VLAN tags',
          buildFrame(ethernet(ETHERNET), vlan({ id: 5, tpid: 0x88a8 }), vlan({ id: 6 }), ipv6(v6), syn),
          [v6.src, v6.dst, 1, 2, 6],
        ],
        ['IPv4 options', buildFrame(ethernet(ETHERNET), ipv4({ ...v4, options: Buffer.alloc(8, 1) }), syn), [v4.src, v4.dst, 1, 2, 6]],
        [
          'a first fragment',
          buildFrame(ethernet(ETHERNET), ipv4({ ...v4, moreFragments: true, dontFragment: false }), syn),
          [v4.src, v4.dst, 1, 2, 6],
        ],
        [
          'a later fragment',
          buildFrame(ethernet(ETHERNET), ipv4({ ...v4, moreFragments: true, fragmentOffset: 5, dontFragment: false }), syn),
          [v4.src, v4.dst, 0, 0, 6],
        ],
        ['ICMP', buildFrame(ethernet(ETHERNET), ipv4(v4), icmp({ type: 8 })), [v4.src, v4.dst, 0, 0, 1]],
        ['ARP', buildFrame(ethernet({ ...ETHERNET, type: 0x0806 }), Buffer.alloc(46)), [undefined, undefined, 0, 0, 0]],
        ['a frame of nothing', buildFrame(ethernet({ ...ETHERNET, type: 0x0800 })), [undefined, undefined, 0, 0, 0]],
        ['a header cut short', buildFrame(ethernet(ETHERNET), ipv6(v6)).subarray(0, 53), [undefined, undefined, 0, 0, 0]],
        ['ports cut short', buildFrame(ethernet(ETHERNET), ipv4(v4), syn).subarray(0, 37), [v4.src, v4.dst, 0, 0, 6]],
      ];
      for (const [name, packet, expected] of tuples) {
        it(`the tuple of ${name}`, () => {
          watch();
          const [event] = eventsOf(packet);
          const { source, destination, sourcePort, destinationPort, protocol } = event as EventRecord;
          assert.deepEqual([source, destination, sourcePort, destinationPort, protocol], expected);
        });
      }

      it('as many bytes of a frame of any length as are asked for', () => {
        const long = buildFrame(ethernet({ ...ETHERNET, type: 0x0806 }), Buffer.from(Array.from({ length: 400 }, (_, i) => i & 255)));
        for (const snap of [0, 8, 13, 60, 128, 255, 256]) {
          watch({ snap });
          for (const length of [14, 15, 21, 60, 127, 128, 129, 255, 256, 257, 400]) {
            const frame = long.subarray(0, length);
            const [event] = eventsOf(frame);
            assert.deepEqual([event?.bytes, event?.packet], [length, frame.subarray(0, snap)], `${length} bytes, snap length ${snap}`);
          }
        }
      });
    });

    describe('are filtered', () => {
      const names = (events: readonly EventRecord[]) => events.map(({ kind, reason }) => `${kind} ${reason}`);

      it('by kind', async () => {
        const packets = () => [request('udp'), request('tcp', SYN), STRAY];
        for (const [kinds, expected] of [
          [['drop'], ['drop no_backend']],
          [['new-flow'], ['new-flow snat_request']],
          [['sample'], ['sample no_backend', 'sample snat_request', 'sample no_service']],
          [
            ['new-flow', 'drop'],
            ['drop no_backend', 'new-flow snat_request'],
          ],
        ] as const) {
          await putDefaults(plane, WORLD, {
            services: [serviceEntry(WORLD, 'tcp'), serviceEntry(WORLD, 'udp', { table: [], backendCount: 0 })],
          });
          watch({ kinds });
          assert.deepEqual(names(eventsOf(...packets())), expected);
        }
      });

      it('by reason', () => {
        watch({ reason: 'no_service' });
        assert.deepEqual(names(eventsOf(request('tcp', SYN), STRAY)), ['sample no_service']);
      });

      it('by service, both ways', async () => {
        await putDefaults(plane, WORLD, { flows: [establishedFlow(WORLD, 'tcp')], replies: [establishedReverse(WORLD, 'tcp')] });
        const packets = [request('udp'), request('tcp'), reply('tcp'), STRAY];
        watch({ service: 1 });
        assert.deepEqual(names(eventsOf(...packets)), ['sample snat_request', 'sample snat_reply']);
        watch({ service: 2 });
        assert.deepEqual(names(eventsOf(...packets)), ['sample snat_request']);
        watch({ service: 3 });
        assert.deepEqual(eventsOf(...packets), []);
      });

      it('by the service of a packet that is dropped before it has a flow', async () => {
        await putDefaults(plane, WORLD, { services: [serviceEntry(WORLD, 'tcp', { table: [], backendCount: 0 })] });
        watch({ service: 2 });
        assert.deepEqual(eventsOf(request('tcp', SYN)), []);
        watch({ service: 1 });
        assert.deepEqual(names(eventsOf(request('tcp', SYN))), ['drop no_backend']);
      });

      it('by the address of either end, and by prefixes of any length', () => {
        const from = (src: string, dst = '9.9.9.9') => buildFrame(ethernet(ETHERNET), ipv4({ src, dst }), udp({ src: 1, dst: 2 }));
        const from6 = (src: string, dst: string) => buildFrame(ethernet(ETHERNET), ipv6({ src, dst }), udp({ src: 1, dst: 2 }));
        const packets = [
          from('10.1.2.3'),
          from('10.1.2.4'),
          from('9.9.9.9', '10.1.2.3'),
          from('10.129.2.3'),
          from6('2001:db8:a::1', '2001:db8:b::1'),
          buildFrame(ethernet({ ...ETHERNET, type: 0x0806 }), Buffer.alloc(46)),
        ];
        const cases: readonly [string, number, readonly number[]][] = [
          ['10.1.2.3', 32, [0, 2]],
          ['10.1.2.2', 31, [0, 2]],
          ['10.1.2.0', 24, [0, 1, 2]],
          ['10.0.0.0', 9, [0, 1, 2]],
          ['10.0.0.0', 8, [0, 1, 2, 3]],
          ['0.0.0.0', 0, [0, 1, 2, 3]],
          ['2001:db8:a::1', 128, [4]],
          ['2001:db8:b::', 48, [4]],
          ['2001:db8:c::', 48, []],
          ['2001:db8::', 33, [4]],
          ['::', 0, [4]],
        ];
        for (const [address, length, expected] of cases) {
          watch({ prefix: { address, length } });
          const seen = eventsOf(...packets).map(({ packet }) => packets.findIndex((one) => one.equals(packet)));
          assert.deepEqual(seen, expected, `${address}/${length}`);
        }
      });

      it('one packet of N is a sample, counted among those that the filter lets through', () => {
        watch({ kinds: ['sample'], sample: 7, prefix: { address: '9.9.9.9', length: 32 } });
        repeat(70);
        assert.equal(stream?.take(1000).length, 10);
        watch({ kinds: ['sample'], sample: 7, prefix: { address: '9.9.9.8', length: 32 } });
        repeat(70);
        assert.equal(stream?.take(1000).length, 0);
      });
    });

    describe('keep to their bounds', () => {
      it('so many in a second on a CPU, the rest is counted; the next second has as many again', () => {
        watch({ rate: 5 });
        repeat(100);
        assert.equal(stream?.take(1000).length, 5);
        assert.deepEqual(stream?.losses(), { limited: 95, lost: 0 });
        setCounts(plane.map('event_count'), { began: Number(plane.clock.nanoseconds()) - 1_000_000_000 });
        repeat(10);
        assert.equal(stream?.take(1000).length, 5);
        assert.deepEqual(stream?.losses(), { limited: 100, lost: 0 });
      });

      it('what the rate leaves out is what the filter wanted, nothing else', () => {
        watch({ rate: 5, kinds: ['drop'] });
        repeat(100);
        assert.deepEqual([stream?.take(10), stream?.losses()], [[], { limited: 0, lost: 0 }]);
      });

      it('a new watch has its own second and its own losses', () => {
        // Each CPU has a rate of its own.
        onOneCpu(() => {
          watch({ rate: 5 });
          repeat(100);
          watch({ rate: 5 });
          repeat(7);
        });
        assert.equal(stream?.take(1000).length, 5);
        assert.deepEqual(stream?.losses(), { limited: 2, lost: 0 });
      });

      it('a ring that nobody reads loses events, counts them, and holds up no packet', () => {
        watch({ snap: 0 });
        repeat(flood);
        const kept = stream?.take(100_000).length ?? 0;
        assert.ok(kept > 10_000 && kept < 20_000, `${kept} events`);
        assert.deepEqual(stream?.losses(), { limited: 0, lost: flood - kept });
        repeat(3);
        assert.equal(stream?.take(10).length, 3);
      });
    });

    describe('are off', () => {
      it('until somebody watches, and after', () => {
        repeat(10);
        watch();
        assert.deepEqual(stream?.take(10), [], 'nothing of before');
        repeat(2);
        stream?.close();
        repeat(10);
        watch();
        assert.deepEqual(stream?.take(10), [], 'nothing of the watch before');
      });

      it('for a watch that is told to end, also by another process', () => {
        const before = watch();
        tableOf(plane).off();
        repeat(10);
        assert.deepEqual(before.take(10), []);
      });

      it('for records of another watch, should they come late', () => {
        const first = watch();
        repeat(1);
        // A second agent opens its watch before the first one has read: the record in the ring is thrown away.
        const second = tableOf(plane).open(ANY);
        repeat(1);
        assert.deepEqual(first.take(10), []);
        second.close();
      });
    });

    it('change nothing for the packet', async () => {
      await putDefaults(plane, WORLD, { flows: [establishedFlow(WORLD, 'tcp')], replies: [establishedReverse(WORLD, 'tcp')] });
      const quiet = [request('tcp'), reply('tcp'), request('udp'), STRAY].map((packet) => send(plane, packet));
      await putDefaults(plane, WORLD, { flows: [establishedFlow(WORLD, 'tcp')], replies: [establishedReverse(WORLD, 'tcp')] });
      watch();
      const watched = [request('tcp'), reply('tcp'), request('udp'), STRAY].map((packet) => send(plane, packet));
      assert.deepEqual(
        watched.map(({ verdict, packet }) => ({ verdict, packet })),
        quiet.map(({ verdict, packet }) => ({ verdict, packet })),
      );
    });
  });
}
