// What shows only over many packets, as a suite of tests: whole connections, many clients, random packets in every mode.
// Imports the harness, the packet builder and fast-check. SNAT ports are learned from what leaves, never computed.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { encodeIndex } from '../../agent/datapath/layout.js';
import type { Action } from '../../agent/model/service.js';
import { destinationOptions, hopByHop, TCP_FLAG, type TcpFlag } from '../support/packet/build.js';
import { assertFrame } from '../support/packet/diff.js';
import { findWrongChecksums } from '../support/packet/parse.js';
import { countedReasons, putDefaults, send, useLoader } from './harness.js';
import { SIZES } from './load.js';
import { takeOuterFlowLabel } from './outer-flow-label.js';
import { readEntries } from './state.js';
import { backendEntry, establishedFlow, establishedReverse, SEEN, serviceEntry } from './states.js';
import type { TestBed } from './test-bed.js';
import { FAMILIES_UNDER_TEST, TAGS_AND_OPTIONS_UNDER_TEST } from './under-test.js';
import { type Change, ETHERNET_HEADER, type IpChange, type World, WORLDS } from './world.js';

const SYN: Change = { flags: ['syn'] };

export interface SequenceSuite {
  /** What the packets run on, for the suite's title, if it is not this kernel. */
  readonly on?: string;
  /** Default: this kernel, which needs root. */
  readonly makeBed?: () => TestBed;
  /** How many random packets there are of each way. */
  readonly packets: number;
}

function describeSequencesOf(world: World, { makeBed, packets }: SequenceSuite): void {
  const { BACKEND, nthClient, ONE_PORT, reply, request, SETTINGS, steeredRequest, translatedReply, translatedRequest, wrappedRequest } =
    world;
  const sourcePort = (frame: Buffer) => frame.readUInt16BE(world.TRANSPORT);
  const client = (i: number): Change => ({ ip: { src: nthClient(i) }, srcPort: 1024 + ((i * 7919) % 60000) });
  const loader = useLoader(makeBed);
  const plane = () => loader().load('compiled settings', SETTINGS);

  it('carry a TCP connection under SNAT from SYN to the last ACK through one port, both ways', async () => {
    const data = await plane();
    await putDefaults(data, world);
    const port = sourcePort(send(data, request('tcp', SYN)).packet);
    assert.ok(port >= SETTINGS.snatRange[0] && port <= SETTINGS.snatRange[1], `port ${port}`);
    const exchange: readonly (readonly ['client' | 'backend', Change])[] = [
      ['backend', { flags: ['syn', 'ack'] }],
      ['client', { flags: ['ack'] }],
      ['client', { flags: ['psh', 'ack'], payload: 'GET / HTTP/1.1\r\n\r\n' }],
      ['backend', { flags: ['psh', 'ack'], payload: 'HTTP/1.1 200 OK\r\n\r\n' }],
      ['backend', { flags: ['fin', 'ack'] }],
      ['client', { flags: ['fin', 'ack'] }],
      ['backend', { flags: ['ack'] }],
    ];
    for (const [sender, change] of exchange) {
      const asked = sender === 'client';
      const run = send(data, asked ? request('tcp', change) : reply('tcp', { ...change, dstPort: port }));
      assert.equal(run.verdict, 'tx');
      assertFrame(run.packet, asked ? translatedRequest('tcp', { ...change, srcPort: port }) : translatedReply('tcp', change));
    }
    const { flows, replies } = await readEntries(data);
    assert.deepEqual([flows[0]?.packets, flows[0]?.tcpSeen], [4, SEEN.syn | SEEN.other | SEEN.fin]);
    assert.deepEqual([replies[0]?.packets, replies[0]?.tcpSeen], [4, SEEN.other | SEEN.fin]);
    assert.deepEqual(countedReasons(data), { snat_request: 4, snat_reply: 4 });
  });

  it('give 500 clients of one backend ports of their own in the range', async () => {
    const data = await loader().load(
      'settings in the config map',
      { ...SETTINGS, snatRange: [20000, 29999] },
      { ...SIZES, maxFlows: 8192 },
    );
    await putDefaults(data, world);
    const ports = Array.from({ length: 500 }, (_, i) => sourcePort(send(data, request('tcp', { ...SYN, ...client(i) })).packet));
    assert.equal(new Set(ports).size, 500);
    assert.ok(ports.every((port) => port >= 20000 && port <= 29999));
    const again = ports.map((_, i) => sourcePort(send(data, request('tcp', client(i))).packet));
    assert.deepEqual(again, ports);
  });

  it('use up a range of four ports, then drop', async () => {
    const data = await loader().load('settings in the config map', { ...SETTINGS, snatRange: [20000, 20003] });
    await putDefaults(data, world);
    const runs = Array.from({ length: 5 }, (_, i) => send(data, request('tcp', { ...SYN, ...client(i) })));
    const ports = runs.slice(0, 4).map((run) => sourcePort(run.packet));
    assert.deepEqual(ports.sort(), [20000, 20001, 20002, 20003]);
    assert.equal(runs[4]?.verdict, 'drop');
    assert.deepEqual(countedReasons(data), { snat_request: 4, snat_ports: 1 });
  });

  for (const [how, run] of [
    ['in turn', 1],
    ['by half rows', 32],
  ] as const) {
    it(`spread flows over all slots of the Maglev table, and over none behind its end: two backends ${how}`, async () => {
      const data = await plane();
      const table = [...Array<number>(run).fill(BACKEND.a.id), ...Array<number>(run).fill(BACKEND.b.id)];
      await putDefaults(data, world, { services: [serviceEntry(world, 'tcp', { action: 'dsr-l2', table })] });
      // The table has 251 slots; the five behind them, which fill the last row, lead to a slot without a backend.
      const last = data.tables.get(1)?.lookup(encodeIndex(3)) as Buffer;
      for (let slot = 251; slot < 256; slot++) last.writeUInt32LE(7, 4 * (slot % 64));
      data.tables.get(1)?.update(encodeIndex(3), last);
      const shares = new Map<string, number>();
      for (let i = 0; i < 4000; i++) {
        const run = send(data, request('tcp', { ...SYN, ...client(i) }));
        const mac = run.packet.subarray(0, 6).toString('hex');
        shares.set(mac, (shares.get(mac) ?? 0) + 1);
      }
      assert.deepEqual(countedReasons(data), { dsr_l2: 4000 });
      assert.equal(shares.size, 2);
      // Half of 4000 each, or 2 % more; five standard deviations of a fair coin are 158.
      for (const [mac, count] of shares) assert.ok(Math.abs(count - 2000) < 200, `${mac}: ${count}`);
    });
  }

  it('choose the same backend for a tuple again when its flow entry was lost', async () => {
    const data = await plane();
    const services = [serviceEntry(world, 'tcp', { action: 'dsr-l2', table: [BACKEND.a.id, BACKEND.b.id] })];
    const chosen = async () => {
      await putDefaults(data, world, { services });
      return Array.from({ length: 200 }, (_, i) => send(data, request('tcp', client(i))).packet.readUInt16BE(4));
    };
    assert.deepEqual(await chosen(), await chosen());
  });

  it('allow as many new flows in a second as the rate says', async () => {
    const data = await loader().load('settings in the config map', { ...SETTINGS, newFlowRate: 20 });
    await putDefaults(data, world);
    for (let i = 0; i < 50; i++) send(data, request('tcp', { ...SYN, ...client(i) }));
    // All packets run on this thread, which may change the CPU once or twice; each CPU allows 20.
    const counted = countedReasons(data);
    assert.equal((counted.snat_request ?? 0) + (counted.new_flow_rate ?? 0), 50);
    assert.ok((counted.snat_request ?? 0) >= 20 && (counted.new_flow_rate ?? 0) > 0, JSON.stringify(counted));
    assert.equal((await readEntries(data)).flows.length, counted.snat_request);
  });

  it('pass everything while the config map is empty', async () => {
    const data = await loader().load('settings in the config map', SETTINGS);
    await putDefaults(data, world);
    const config = data.map('config');
    config.update(encodeIndex(0), Buffer.alloc(config.valueSize));
    const run = send(data, request('tcp', SYN));
    assert.equal(run.verdict, 'pass');
    assertFrame(run.packet, request('tcp', SYN));
    assert.deepEqual(countedReasons(data), { config: 1 });
  });

  const change = fc.record({
    flags: fc.subarray(Object.keys(TCP_FLAG).filter((flag) => !['syn', 'fin', 'rst'].includes(flag)) as TcpFlag[]),
    payload: fc.uint8Array({ maxLength: 1400 }).map((bytes) => Buffer.from(bytes)),
    options: fc.integer({ min: 0, max: 10 }).map((words) => Buffer.alloc(words * 4, 1)),
    ip: fc.record({
      tos: fc.nat(255),
      ttl: fc.integer({ min: 2, max: 255 }),
      v4: fc.record({
        id: fc.nat(0xffff),
        dontFragment: fc.boolean(),
        options: fc.nat(TAGS_AND_OPTIONS_UNDER_TEST ? 10 : 0).map((words) => Buffer.alloc(words * 4, 1)),
      }),
      v6: fc.record({ flowLabel: fc.nat(0xfffff) }),
    }),
    padding: fc.nat(20),
    tags: fc.array(fc.record({ id: fc.nat(4095), priority: fc.nat(7) }), { maxLength: TAGS_AND_OPTIONS_UNDER_TEST ? 2 : 0 }),
    extensions: fc
      .tuple(fc.boolean(), fc.array(fc.nat(20), { maxLength: world.family === 6 ? 2 : 0 }))
      .map(([first, more]) => [
        ...(first && world.family === 6 ? [hopByHop()] : []),
        ...more.map((words) => destinationOptions({ options: Buffer.alloc(6 + words * 8) })),
      ]),
  });
  type Out = (protocol: 'tcp' | 'udp', how: Change, outer: IpChange) => Buffer;
  const WAYS: Readonly<Record<string, { readonly action: Action; readonly in: typeof request; readonly out: Out }>> = {
    'SNAT requests': { action: 'snat', in: request, out: (protocol, how) => translatedRequest(protocol, how) },
    // The client's request had no tags.
    'SNAT replies': { action: 'snat', in: reply, out: (protocol, how) => translatedReply(protocol, { ...how, tags: [] }) },
    'DSR by IPIP': { action: 'dsr-ipip', in: request, out: wrappedRequest },
    'DSR by L2': { action: 'dsr-l2', in: request, out: (protocol, how) => steeredRequest(protocol, how) },
  };
  for (const [name, way] of Object.entries(WAYS)) {
    it(`leave no wrong byte in any random packet (${name})`, async () => {
      const data = await loader().load('compiled settings', ONE_PORT);
      const port = way.action === 'snat' ? {} : { snatPort: 0 };
      await putDefaults(data, world, {
        backends: [backendEntry(world, 'a', { mtu: 9000 }), backendEntry(world, 'dns', { mtu: 9000 })],
        flows: (['tcp', 'udp'] as const).map((protocol) => establishedFlow(world, protocol, { action: way.action, ...port, seenAgo: 0 })),
        replies: (['tcp', 'udp'] as const).map((protocol) => establishedReverse(world, protocol)),
      });
      fc.assert(
        fc.property(fc.constantFrom('tcp', 'udp'), change, (protocol, how) => {
          const run = send(data, way.in(protocol, how));
          const left = { ...how, ip: { ...how.ip, ttl: how.ip.ttl - 1 } };
          const outer = { tos: how.ip.tos, v4: { dontFragment: how.ip.v4.dontFragment } };
          assert.equal(run.verdict, 'tx');
          assertFrame(run.packet, takeOuterFlowLabel(way.out(protocol, left, outer), run.packet));
          assert.deepEqual(findWrongChecksums(run.packet), []);
        }),
        { numRuns: packets },
      );
    });
  }

  if (world.family === 6) {
    it('wrap all packets of a flow under one flow label (RFC 6437), whatever their own is', async () => {
      const data = await plane();
      await putDefaults(data, world, { services: [serviceEntry(world, 'tcp', { action: 'dsr-ipip' })] });
      const labels = Array.from({ length: 20 }, (_, i) => {
        const packet = request('tcp', { ...(i === 0 ? SYN : {}), ip: { v6: { flowLabel: i } }, payload: Buffer.alloc(i) });
        return send(data, packet).packet.readUInt32BE(ETHERNET_HEADER) & 0xfffff;
      });
      assert.deepEqual(labels, Array(20).fill(labels[0]));
      assert.deepEqual(countedReasons(data), { dsr_ipip: 20 });
    });
  }

  if (world.family === 4) {
    it('keep every IP header checksum right, whatever identification the packet has', async () => {
      const data = await loader().load('compiled settings', ONE_PORT);
      await putDefaults(data, world, { flows: [establishedFlow(world, 'udp')], replies: [establishedReverse(world, 'udp')] });
      for (let id = 0; id <= 0xffff; id += 9_000 / packets) {
        const run = send(data, request('udp', { ip: { v4: { id } } }));
        assertFrame(run.packet, translatedRequest('udp', { ip: { v4: { id } } }), `identification ${id}`);
      }
    });
  }
}

/** One describe() for each family. */
export function describeSequences(suite: SequenceSuite): void {
  for (const family of FAMILIES_UNDER_TEST) {
    describe(`sequences of packets${suite.on === undefined ? '' : ` on ${suite.on}`}, IPv${family}`, () =>
      describeSequencesOf(WORLDS[family], suite));
  }
}
