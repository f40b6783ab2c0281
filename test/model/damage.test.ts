// Damage in order: frames of every kind cut at every byte, and with each byte of their headers set to what is likely to hurt.
// Imports the model and test/bpf's harness. Needs root. The random sequences find what this misses, and the other way round.
// Invariant: each frame comes into the same world, where flows of every action stand.

import assert from 'node:assert/strict';
import { formatAddress } from '../../agent/model/address.js';
import { HOSTS } from '../bpf/hosts.js';
import { useLoader } from '../bpf/harness.js';
import type { Ends } from '../bpf/packet.js';
import { DEVICE, LOOPBACK } from '../bpf/world.js';
import { isIcmp } from './answers.js';
import { buildError, type ErrorChoice } from './error-frames.js';
import { buildOdd, buildShape, cutFrame, type Shape } from './frames.js';
import { readHeaders } from './headers.js';
import type { Kernel } from './kernel.js';
import { loadTested } from './kernels.js';
import { onOneCpu } from './one-cpu.js';
import { buildDatagram, buildServers } from './quic-frames.js';
import { resolveStep } from './resolve.js';
import type { Family, State } from './state.js';
import { messageSum } from './sums.js';
import { buildWorld, type Choices, FAMILIES, UDP_SERVICE } from './world.js';

const PLAIN: Shape = {
  flags: 1,
  payload: 5,
  hops: 64,
  tos: 0x2e,
  dontFragment: true,
  tags: [],
  between: [],
  checksum: 'right',
  padding: 0,
  srcMac: 0,
};
const WORLD: Omit<Choices, 'actions'> = {
  range: 3,
  rate: 0,
  answerRate: 1_000_000,
  maglevSize: 7,
  lbAddresses: 1,
  seeds: [0x0123456789abcdefn, 42],
  timeouts: [60, 21600, 10, 60],
  tables: [[1], [1], [2], [1], [1], [1], [2], [1]],
  devices: 1,
  fib: true,
};

function endsOf(family: Family, service: number): Ends {
  const { CLIENT, LB, VIP, ELSEWHERE } = HOSTS[family];
  return {
    srcMac: CLIENT.mac,
    dstMac: LB.mac,
    src: CLIENT.address,
    dst: service === 2 ? ELSEWHERE.vip : VIP.address,
    sport: CLIENT.port,
    dport: service === 1 ? VIP.udpPort : VIP.tcpPort,
    ttl: 64,
  };
}

/** Three services, each with another action; which is which differs by `turn`. */
const worldOf = (turn: number): Choices => ({ ...WORLD, actions: [0, 1, 2, 0, 0, 1, 2, 0].map((action) => (action + turn) % 3) });

const request = (family: Family, service: number, shape: Partial<Shape> = {}) =>
  buildShape(family, endsOf(family, service), service === 1 ? 'udp' : 'tcp', { ...PLAIN, ...shape });

/** A frame, and which of its bytes are set to what is likely to hurt. */
interface Kind {
  readonly frame: Buffer;
  readonly from: number;
  readonly to: number;
  /** With the ICMP checksum made right afterwards: else nothing behind it would be looked at. */
  readonly mended?: boolean;
  readonly uncut?: boolean;
}

/** Errors about the flows that are there, the client's own packet quoted whole. Their own IP headers are damaged as those of other frames. */
function errorsOf(family: Family, state: State): Readonly<Record<string, Kind>> {
  const error = (about: ErrorChoice['about'], pick: number, change: Partial<ErrorChoice> = {}): Kind => {
    const choice = { about, pick, type: 0, sender: 1, mtu: 1400, quoted: PLAIN, bytes: undefined, changes: [], instead: 0, ...change };
    const from = 14 + HOSTS[family].IP_HEADER;
    return { frame: buildError(state, family, choice, PLAIN), from, to: from + 8 + 2 * HOSTS[family].IP_HEADER + 20 };
  };
  const between = family === 4 ? [1, 2] : [3, 51];
  return {
    'an error about a request': error('request', 0),
    'an error about a reply of the first flow': error('reply', 0),
    'an error about a reply of the second flow': error('reply', 1),
    'an error about a reply of the third flow': error('reply', 2, { sender: 2 }),
    'an error about a request with all between its headers': error('request', 0, { quoted: { ...PLAIN, between } }),
    // Extension headers of the quote that begin at the last place where one is read (without tags), and behind it.
    'an error about long headers': { ...error('request', 0, { quoted: { ...PLAIN, between: [32, 3] } }), uncut: true, to: 0 },
    'an error about longer headers': { ...error('request', 0, { quoted: { ...PLAIN, between: [32, 0, 3] } }), uncut: true, to: 0 },
    'an error about a wrapped request': { ...error('wrapped', 0), mended: true },
  };
}

const LONGEST_DATAGRAM = 20;
const SERVERS = { config: 2, bytes: 4, backends: [2, 1, 3] };

/**
 * Datagrams that begin flows, whose connection ids name backend 2: short headers and Handshake packets of every length, as a cut one is no datagram, and with
 * padding behind.
 */
function datagramsOf(family: Family): Readonly<Record<string, Kind>> {
  const datagram = (first: number, length: number, padding: number): Kind => {
    const choice = { first, version: 0, surplus: 0, server: 0, config: 0, length };
    const ends = { ...endsOf(family, UDP_SERVICE), sport: 50_000 };
    const from = 14 + HOSTS[family].IP_HEADER + 8;
    const frame = buildShape(family, ends, 'udp', { ...PLAIN, padding }, buildDatagram(buildServers(SERVERS).quic, choice));
    return length === LONGEST_DATAGRAM ? { frame, from, to: from + 12 } : { frame, from, to: from, uncut: true };
  };
  const kinds: Record<string, Kind> = {};
  for (const first of [0x40, 0xe0]) {
    for (const padding of [0, 5])
      for (let length = 0; length <= LONGEST_DATAGRAM; length++)
        kinds[`QUIC ${first}, ${length} bytes and ${padding}`] = datagram(first, length, padding);
  }
  return kinds;
}

/** Frames of every kind. Those of a client have flows; what is odd belongs to none, so that it comes but once. */
function kindsOf(family: Family, state: State, withOdd: boolean): Readonly<Record<string, Kind>> {
  const tags = [{ id: 5, tpid: 0x88a8, priority: 3 }, { id: 7 }];
  const between = family === 4 ? [1, 2, 3] : [20, 3, 37, 51, 2];
  const replies = state.planes[family].replies.flatMap(({ entry }) => (entry === undefined ? [] : [entry]));
  const { BACKEND, LB } = HOSTS[family];
  const text = (hex: string) => formatAddress(Buffer.from(hex, 'hex'));
  const answers = replies.map(({ tuple: { saddr, daddr, sport, dport, protocol } }) => {
    const ends = { srcMac: BACKEND.a.mac, dstMac: LB.mac, src: text(saddr), dst: text(daddr), sport, dport, ttl: 64 };
    return [`a reply of protocol ${protocol}`, buildShape(family, ends, protocol === 6 ? 'tcp' : 'udp', PLAIN)];
  });
  const odd = Array.from({ length: 12 }, (_, i) => [`odd frame ${i}`, buildOdd(family, i, request(family, 0), endsOf(family, 0))]);
  const frames = {
    'a TCP request': request(family, 0),
    'a SYN': request(family, 2, { flags: 0 }),
    'a UDP request': request(family, 1),
    'a tagged request': request(family, 2, { tags }),
    'a padded request': request(family, 0, { padding: 12 }),
    'a request with all between its headers': request(family, 0, { between, tags: [{ id: 9 }] }),
    ...Object.fromEntries(answers),
    ...(withOdd ? Object.fromEntries(odd) : {}),
  };
  const kinds = Object.entries(frames).map(([name, frame]) => [name, { frame, from: 12, to: HEADERS }]);
  return { ...Object.fromEntries(kinds), ...errorsOf(family, state), ...datagramsOf(family) };
}

/** Headers end before this. */
const HEADERS = 110;

/** Values that a byte gets: ends of ranges, signs, and each bit turned over. */
function valuesFor(byte: number): ReadonlySet<number> {
  const values = new Set([0, 1, 0x7f, 0x80, 0xff, ...Array.from({ length: 8 }, (_, bit) => byte ^ (1 << bit))]);
  values.delete(byte);
  return values;
}

/** With the checksum of its ICMP message, if there is one, made right. */
function mend(frame: Buffer): Buffer {
  const headers = readHeaders(frame);
  if (typeof headers === 'string' || !isIcmp(headers) || headers.end < headers.transport + 4) return frame;
  frame.writeUInt16BE(0, headers.transport + 2);
  frame.writeUInt16BE((0xffff - messageSum(frame, headers)) % 0xffff, headers.transport + 2);
  return frame;
}

function* damaged({ frame, from, to, mended = false, uncut = false }: Kind): Generator<Buffer> {
  const finish = mended ? mend : (out: Buffer) => out;
  if (uncut) yield frame;
  for (let length = 14; length <= frame.length && !uncut; length++) {
    yield cutFrame(frame, length, false);
    yield finish(cutFrame(frame, length, true));
  }
  for (let at = from; at < Math.min(frame.length, to); at++) {
    for (const value of valuesFor(frame[at] as number)) {
      const out = Buffer.from(frame);
      out[at] = value;
      yield finish(out);
    }
  }
}

/** A world in which each service has a flow that has exchanged data, and senders are told what does not fit. */
function withFlows(kernel: Kernel, turn: number): State {
  let state = buildWorld(worldOf(turn), { ticksPerSecond: kernel.ticksPerSecond, slots: kernel.slots, now: kernel.now() });
  kernel.put(state);
  for (const family of FAMILIES) {
    for (const [service, shape] of [
      [0, {}],
      [1, {}],
      [2, { tags: [{ id: 33, tpid: 0x88a8 }] }],
    ] as const) {
      const { outcome, difference } = runUntilItHolds(
        kernel,
        state,
        request(family, service, shape),
        service === 2 ? DEVICE.index : LOOPBACK,
      );
      assert.equal(difference, undefined);
      state = outcome.state;
    }
    const servers = resolveStep(state, { kind: 'servers', family, servers: SERVERS }, kernel.now());
    assert.ok('state' in servers);
    state = servers.state;
    kernel.put(state);
  }
  return state;
}

/** A difference that comes again: the program looks at the clock more than once for some packets, and a tick may fall between two of its looks. */
function runUntilItHolds(kernel: Kernel, state: State, frame: Buffer, ingress: number = LOOPBACK): ReturnType<Kernel['run']> {
  kernel.put(state);
  const first = kernel.run(state, frame, ingress);
  if (first.difference === undefined) return first;
  kernel.put(state);
  return kernel.run(state, frame, ingress);
}

describe('damage to frames of every kind', function () {
  this.timeout(120_000);
  const loader = useLoader();
  for (const turn of [0, 1, 2]) {
    for (const family of FAMILIES) {
      it(`is judged by the data plane as by the model (IPv${family}, actions ${turn})`, async () => {
        const { kernel } = await loadTested(loader(), 'small');
        const reasons = new Map<string, number>();
        onOneCpu(() =>
          kernel.inside(() => {
            const state = withFlows(kernel, turn);
            for (const [kind, sound] of Object.entries(kindsOf(family, state, turn === 0))) {
              for (const arrived of damaged(sound)) {
                const { outcome, difference } = runUntilItHolds(kernel, state, arrived);
                assert.equal(difference, undefined, `${kind}: ${arrived.toString('hex')}`);
                reasons.set(outcome.reason, (reasons.get(outcome.reason) ?? 0) + 1);
              }
            }
          }),
        );
        assert.ok([...reasons.values()].reduce((sum, count) => sum + count, 0) > 10_000);
        const errors = ['icmp_to_client', 'icmp_to_backend', 'icmp_unknown', 'icmp_quote', 'too_big_relayed'];
        for (const reason of ['malformed', 'snat_request', 'snat_reply', 'dsr_ipip', 'dsr_l2', 'not_ip', 'protocol', ...errors])
          assert.ok((reasons.get(reason) ?? 0) > 50, `${reason}: ${reasons.get(reason)}`);
      });
    }
  }
});
