// The check by way of DSR against a backend of which the test makes the answers.
// Imports agent/health and the packet reader of the tests.

import assert from 'node:assert/strict';
import { Stop } from '../../../agent/health/attempt.js';
import { buildSegment, FLAGS, readSegment, type Segment } from '../../../agent/health/dsr-packet.js';
import { DsrProber, type Way } from '../../../agent/health/probe-dsr.js';
import type { Family } from '../../../agent/model/address.js';
import { HEALTH_PROFILES, type HealthCheck } from '../../../agent/model/health.js';

const CHECK: HealthCheck = { kind: 'tcp', ...HEALTH_PROFILES.fast, allDown: 'open', through: 'dsr' };
const VIPS = { 4: '40.1.1.1', 6: '2001:db8:40::1' } as const;
const NODES = { 4: '20.1.1.1', 6: '2001:db8:20::1' } as const;
const BACKEND = { address: '20.1.1.10', port: 8080 };
const PORT = 40000;
const never = new Stop();

/** The one's complement sum of 16-bit words, which is 0 behind a right checksum. */
function sum(bytes: Buffer): number {
  let total = 0;
  for (let at = 0; at < bytes.length; at += 2) total += bytes.readUInt16BE(at);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return ~total & 0xffff;
}

describe('a check by way of DSR', function () {
  this.timeout(20_000);
  const sent: { to: string; packet: Buffer }[] = [];
  const direct: string[] = [];
  let way: Way;
  let hear: (packet: Buffer) => void;
  /** What the backend answers to a SYN. */
  let answers: (syn: Segment) => Buffer | undefined;
  let prober: DsrProber;

  beforeEach(() => {
    sent.length = 0;
    direct.length = 0;
    way = { kind: 'wrapped', to: BACKEND.address };
    answers = (syn) => answerTo(syn);
    prober = new DsrProber(
      {
        wayTo: () => way,
        sourceFor: (_backend, family) => NODES[family],
        open: (_family, heard) => {
          hear = heard;
          const send = (to: string, packet: Buffer) => {
            sent.push({ to, packet });
            const segment = readSegment(packet);
            const answer = segment?.flags === FLAGS.syn ? answers(segment) : undefined;
            if (answer !== undefined) setImmediate(() => hear(answer));
          };
          return { port: PORT, sendWrapped: send, sendOnLink: (index, mac, packet) => send(`${index} ${mac}`, packet), close: () => {} };
        },
      },
      async ({ kind }) => void direct.push(kind),
    );
  });
  afterEach(() => prober.close());

  /** A SYN-ACK, or what else `more` makes of it; the acknowledgment is in its place by hand, as the builder has none. */
  function answerTo(syn: Segment, more: Partial<Segment> = {}, acknowledged = syn.sequence + 1): Buffer {
    const packet = buildSegment({
      source: syn.destination,
      sourcePort: syn.destinationPort,
      destination: syn.source,
      destinationPort: syn.sourcePort,
      sequence: 1,
      flags: FLAGS.syn | FLAGS.ack,
      ...more,
    });
    packet.writeUInt32BE(acknowledged >>> 0, packet.length - 12);
    return packet;
  }
  const outcome = (check: Partial<HealthCheck> = {}, family: Family = 4) =>
    prober
      .probe(
        { ...CHECK, ...check },
        { service: 1, frontend: { address: VIPS[family], port: 80, protocol: 'tcp' }, backend: BACKEND, at: BACKEND },
        never,
      )
      .then(
        () => 'passed',
        (error: Error) => error.message,
      );

  it('sends a SYN to the virtual address by the backend, and takes the connection back', async () => {
    for (const family of [4, 6] as const) {
      sent.length = 0;
      assert.equal(await outcome({}, family), 'passed');
      const [syn, reset] = sent.map(({ packet }) => readSegment(packet));
      assert.ok(syn && reset && sent.length === 2);
      const place = { source: NODES[family], sourcePort: PORT, destination: VIPS[family], destinationPort: 80 };
      assert.deepEqual({ ...syn, sequence: 0 }, { ...place, sequence: 0, acknowledged: 0, flags: FLAGS.syn });
      assert.deepEqual(reset, { ...place, sequence: (syn.sequence + 1) >>> 0, acknowledged: 0, flags: FLAGS.reset });
      assert.deepEqual(
        sent.map(({ to }) => to),
        [BACKEND.address, BACKEND.address],
      );
    }
    assert.deepEqual(direct, [], 'a check by TCP asks nothing more');
  });

  it('makes packets whose checksums are right', () => {
    for (const family of [4, 6] as const) {
      for (const flags of [FLAGS.syn, FLAGS.reset]) {
        const packet = buildSegment({
          source: NODES[family],
          sourcePort: PORT,
          destination: VIPS[family],
          destinationPort: 80,
          sequence: 0xfffffffe,
          flags,
        });
        const [header, addresses] = family === 4 ? [20, packet.subarray(12, 20)] : [40, packet.subarray(8, 40)];
        const tcp = packet.subarray(header);
        if (family === 4) assert.equal(sum(packet.subarray(0, 20)), 0);
        assert.equal(sum(Buffer.concat([addresses, Buffer.from([0, 6, 0, tcp.length]), tcp])), 0);
      }
    }
  });

  it('goes by MAC address where DSR does, and asks a backend of this node directly', async () => {
    way = { kind: 'link', ifindex: 3, mac: '02:00:00:00:00:0a' };
    assert.equal(await outcome(), 'passed');
    assert.equal(sent[0]?.to, '3 02:00:00:00:00:0a');
    way = { kind: 'local' };
    assert.equal(await outcome(), 'passed');
    assert.deepEqual([sent.length, direct], [2, ['tcp']]);
    assert.equal(await outcome({ through: 'direct' }), 'passed');
    assert.deepEqual([sent.length, direct], [2, ['tcp', 'tcp']]);
  });

  it('asks the backend itself too where the check looks at more than a connection, and both must pass', async () => {
    assert.equal(await outcome({ kind: 'http' }), 'passed');
    assert.deepEqual(direct, ['http']);
    answers = () => undefined;
    assert.equal(await outcome({ kind: 'http' }), 'no answer in 0.25 s');
  });

  it('says why it failed', async () => {
    answers = (syn) => answerTo(syn, { flags: FLAGS.reset | FLAGS.ack });
    assert.equal(await outcome(), 'connection refused at the virtual address');
    answers = () => undefined;
    assert.equal(await outcome(), 'no answer in 0.25 s');
    way = { kind: 'none', why: 'no answer from 20.1.1.10 on eth0' };
    assert.equal(await outcome(), 'no answer from 20.1.1.10 on eth0');
  });

  it('takes no answer that is not to its SYN, from the virtual address', async () => {
    const others: ((syn: Segment) => Buffer)[] = [
      (syn) => answerTo(syn, { source: BACKEND.address }),
      (syn) => answerTo(syn, { sourcePort: 81 }),
      (syn) => answerTo(syn, { destination: '20.1.1.2' }),
      (syn) => answerTo(syn, {}, syn.sequence),
      (syn) => answerTo(syn, { flags: FLAGS.ack }),
      (syn) => answerTo(syn).subarray(0, 30),
    ];
    for (const other of others) {
      answers = other;
      assert.equal(await outcome(), 'no answer in 0.25 s');
    }
  });

  it('resets what a backend answers too late, or holds from an earlier check', async () => {
    let missed: Segment | undefined;
    answers = (syn) => {
      missed ??= syn;
      return undefined;
    };
    assert.equal(await outcome(), 'no answer in 0.25 s');
    assert.ok(missed);
    const resets = () => sent.filter(({ packet }) => readSegment(packet)?.flags === FLAGS.reset).length;
    assert.equal(resets(), 1, 'at the time limit');
    hear(answerTo(missed));
    assert.equal(resets(), 2, 'a late SYN-ACK');
    // What Linux says to another SYN of the same port while it holds the first one's half-open connection (RFC 9293, 3.10.7.4).
    hear(answerTo(missed, { flags: FLAGS.ack }));
    assert.equal(resets(), 3);
    const last = readSegment(sent.at(-1)?.packet ?? Buffer.alloc(0));
    assert.equal(last?.sequence, (missed.sequence + 1) >>> 0);
    hear(answerTo(missed, { flags: FLAGS.reset | FLAGS.ack }));
    hear(answerTo(missed, { source: '40.1.1.2' }));
    assert.equal(resets(), 3, 'nothing for a reset, nor for others');
  });

  it('fails, and goes on, where a packet cannot be sent', async () => {
    way = { kind: 'wrapped', to: BACKEND.address };
    answers = () => {
      throw new Error('cannot send a probe to 20.1.1.10: network unreachable');
    };
    assert.match(await outcome(), /network unreachable/);
    answers = (syn) => answerTo(syn);
    assert.equal(await outcome(), 'passed');
  });
});
