// Random ICMP errors: about requests, replies and wrapped packets of the flows that are there, quoting as much as their senders please.
// Imports fast-check, test/bpf's packets and hosts, frames.ts.
// Invariant: the checksum of the message is right unless the shape says otherwise, also where the quote is damaged.

import fc from 'fast-check';
import { formatAddress } from '../../agent/model/address.js';
import { HOSTS } from '../bpf/hosts.js';
import { ipLayer } from '../bpf/packet.js';
import { buildFrame, ethernet, icmp, icmpv6, type Layer, vlan } from '../support/packet/build.js';
import { betweenHeaders, buildShape, type Shape, shape } from './frames.js';
import { takePiece } from './pieces.js';
import { type Family, type State, TCP, type Tuple } from './state.js';
import { clientAddress, hex } from './world.js';

/** Errors about what this node has sent to a backend, about what it or a backend has sent to a client, about a packet with its outer header. */
const ABOUT = ['request', 'reply', 'wrapped'] as const;

export interface ErrorChoice {
  readonly about: (typeof ABOUT)[number];
  readonly pick: number;
  /** By number: type and code, and who sends it. */
  readonly type: number;
  readonly sender: number;
  readonly mtu: number;
  /** Of the quoted packet. */
  readonly quoted: Shape;
  /** Bytes of it that are quoted; undefined: all. */
  readonly bytes: number | undefined;
  readonly changes: readonly (readonly [number, number])[];
  /** 1 or 2: a fragment of it, 3: another error. */
  readonly instead: number;
}

const TYPES = {
  4: [
    [3, 4],
    [3, 0],
    [3, 3],
    [11, 0],
    [11, 1],
    [12, 0],
    [5, 0],
  ],
  6: [
    [2, 0],
    [1, 0],
    [1, 4],
    [3, 0],
    [4, 1],
    [2, 3],
    [5, 0],
  ],
} as const;
const MTUS = [0, 67, 87, 88, 100, 576, 1239, 1279, 1280, 1300, 1400, 1500, 0xffff, 0x10000 + 1400, 0xffffffff];

export const errorChoice: fc.Arbitrary<ErrorChoice> = fc.record({
  about: fc.constantFrom(...ABOUT),
  pick: fc.nat(63),
  type: fc.oneof({ weight: 1, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(TYPES[4].length - 1) }),
  sender: fc.nat(3),
  mtu: fc.constantFrom(1300, 1300, 1400, ...MTUS),
  quoted: shape,
  bytes: fc.oneof({ weight: 2, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.nat(120) }),
  changes: fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(fc.tuple(fc.nat(119), fc.nat(255)), { minLength: 1, maxLength: 2 }) },
  ),
  instead: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: 1, max: 3 }) }),
});

const address = (text: string): string => formatAddress(Buffer.from(text, 'hex'));

/** What an error is about, as it was when it met the error's sender. */
interface Subject {
  readonly tuple: Tuple;
  /** Of an outer header around it. */
  readonly outer?: { readonly src: string; readonly dst: string };
}

/** By number, of those that there are; undefined: there are none. */
const pickOf = <Value>(values: readonly Value[], pick: number): Value | undefined => values[pick % Math.max(values.length, 1)];

const turned = ({ saddr, daddr, sport, dport, protocol }: Tuple): Tuple => ({
  saddr: daddr,
  daddr: saddr,
  sport: dport,
  dport: sport,
  protocol,
});

function findSubject({ planes }: State, family: Family, { about, pick }: ErrorChoice): Subject {
  const { VIP, BACKEND, LB } = HOSTS[family];
  const { flows, replies, services, backends } = planes[family];
  const none = { saddr: hex(clientAddress(family, 0)), daddr: hex(VIP.address), sport: 40000, dport: VIP.tcpPort, protocol: TCP };
  if (about === 'request') {
    const reverse = pickOf(
      replies.flatMap(({ entry }) => entry ?? []),
      pick,
    );
    return { tuple: turned(reverse?.tuple ?? { ...none, saddr: hex(BACKEND.a.address), daddr: hex(LB.address) }) };
  }
  const entries = flows.flatMap(({ entry }) => entry ?? []);
  if (about === 'reply') return { tuple: turned(pickOf(entries, pick)?.tuple ?? none) };
  const service = pickOf(
    services.filter(({ action }) => action === 'dsr-ipip'),
    pick,
  );
  const untracked = service === undefined ? none : { ...none, daddr: service.address, dport: service.port, protocol: service.protocol };
  const flow =
    pick % 2 === 0
      ? pickOf(
          entries.filter(({ action }) => action === 'dsr-ipip'),
          pick,
        )
      : undefined;
  const backend = backends[flow?.backendId ?? 1] ?? backends[1];
  const outer = { src: address(backend?.source ?? ''), dst: address(backend?.address ?? '') };
  return { tuple: flow?.tuple ?? untracked, outer };
}

function buildQuote(family: Family, { tuple, outer }: Subject, { quoted, bytes, changes, instead }: ErrorChoice, message: Layer): Buffer {
  const { LB, CLIENT } = HOSTS[family];
  const { sport, dport, protocol } = tuple;
  const ends = { srcMac: LB.mac, dstMac: CLIENT.mac, src: address(tuple.saddr), dst: address(tuple.daddr), sport, dport, ttl: 60 };
  const whole = buildShape(family, ends, protocol === TCP ? 'tcp' : 'udp', { ...quoted, tags: [], padding: 0 });
  const taken = instead === 1 || instead === 2 ? takePiece(family, whole, { follows: 0, sizes: [24], which: instead - 1, id: 0 }) : whole;
  const packet = instead === 3 ? buildFrame(ipLayer(family, ends), message, taken.subarray(14)) : taken.subarray(14);
  const wrapped = outer === undefined ? packet : buildFrame(ipLayer(family, { ...outer, protocol: family === 4 ? 4 : 41 }), packet);
  const quote = Buffer.from(wrapped.subarray(0, bytes));
  for (const [at, byte] of quote.length === 0 ? [] : changes) quote[at % quote.length] = byte;
  return quote;
}

/** `given`: of the error's own header. */
export function buildError(state: State, family: Family, choice: ErrorChoice, given: Shape): Buffer {
  const { LB, CLIENT, BACKEND, ELSEWHERE } = HOSTS[family];
  const subject = findSubject(state, family, choice);
  const [type, code] = TYPES[family][choice.about === 'wrapped' && choice.sender > 0 ? 0 : choice.type] as readonly [number, number];
  const fields = { type, code, rest: choice.mtu, ...(given.checksum === 'right' ? {} : { checksum: 0xbeef }) };
  const message = family === 4 ? icmp(fields) : icmpv6(fields);
  const receiver = subject.outer?.src ?? address(subject.tuple.saddr);
  const senders = [ELSEWHERE.far, ELSEWHERE.far, address(subject.tuple.daddr), BACKEND.a.address];
  const { header, extensions } = betweenHeaders(family, given);
  return Buffer.concat([
    buildFrame(
      ethernet({ dst: LB.mac, src: CLIENT.mac }),
      ...given.tags.map(vlan),
      ipLayer(family, { src: senders[choice.sender] as string, dst: receiver, ttl: given.hops, tos: given.tos, ...header }),
      ...extensions,
      message,
      buildQuote(family, subject, choice, message),
    ),
    Buffer.alloc(given.padding, 0x5a),
  ]);
}
