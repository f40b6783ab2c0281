// Random packets: what a host might send, and what nobody should. Built with test/support/packet, then damaged.
// Imports fast-check, test/bpf's packets and hosts.
// Invariant: bpf_prog_test_run takes no frame under 14 bytes, so none is shorter; none is longer than its page.

import fc from 'fast-check';
import { HOSTS } from '../bpf/hosts.js';
import { buildPacket, type Change, type Ends } from '../bpf/packet.js';
import { computeChecksum } from '../support/packet/checksum.js';
import {
  buildFrame,
  destinationOptions,
  ethernet,
  fragment,
  hopByHop,
  ipv4,
  ipv6,
  type Layer,
  routing,
  TCP_FLAG,
  type TcpFlag,
  tcp,
  udp,
  type VlanFields,
  vlan,
} from '../support/packet/build.js';
import type { Family } from './state.js';

const FLAGS: readonly (readonly TcpFlag[])[] = [
  ['syn'],
  ['ack'],
  ['psh', 'ack'],
  ['syn', 'ack'],
  ['fin', 'ack'],
  ['fin'],
  ['rst'],
  ['rst', 'ack'],
  [],
  ['syn', 'fin'],
  ['syn', 'rst'],
  ['syn', 'ece', 'cwr'],
  Object.keys(TCP_FLAG) as TcpFlag[],
];

/** How a sound packet looks apart from whom it is between. */
export interface Shape {
  readonly flags: number;
  readonly payload: number;
  readonly hops: number;
  readonly tos: number;
  readonly dontFragment: boolean;
  readonly tags: readonly VlanFields[];
  /** IPv4: words of options; IPv6: extension headers. */
  readonly between: readonly number[];
  readonly checksum: 'right' | 'wrong' | 'zero';
  readonly padding: number;
  readonly srcMac: number;
  /** Of TCP, by number; undefined: none. */
  readonly options?: number | undefined;
}

/** TCP options: MSS of several sizes alone, behind others, at odd places, behind too many, of a wrong length, and what leads nowhere. */
const OPTIONS = [
  '020405b4',
  '02040578',
  '0204021801010101',
  '01020405b4010100',
  '0402080a00000000000000000103020405b40000',
  '0101010101020405b4000000',
  '010101010101020405b40000',
  '00000000020405b4',
  '020505b401000000',
  '0800020405b40000',
  '02040101020405b4',
  '0404ffff0204ffff',
].map((options) => Buffer.from(options, 'hex'));

const rarely = <Value>(usual: Value, other: fc.Arbitrary<Value>): fc.Arbitrary<Value> =>
  fc.oneof({ weight: 7, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: other });

export const shape: fc.Arbitrary<Shape> = fc.record({
  flags: fc.oneof({ weight: 4, arbitrary: fc.nat(2) }, { weight: 3, arbitrary: fc.nat(FLAGS.length - 1) }),
  payload: fc.oneof({ weight: 3, arbitrary: fc.nat(9) }, { weight: 1, arbitrary: fc.nat(1500) }),
  hops: rarely(64, fc.constantFrom(0, 1, 2, 255)),
  tos: rarely(0, fc.nat(255)),
  dontFragment: fc.boolean(),
  tags: rarely<readonly VlanFields[]>(
    [],
    fc.array(
      fc.record({ id: fc.nat(4095), priority: fc.nat(7), dropEligible: fc.boolean(), tpid: fc.constantFrom(0x8100, 0x8100, 0x88a8) }),
      { minLength: 1, maxLength: 3 },
    ),
  ),
  between: rarely<readonly number[]>([], fc.array(fc.nat(63), { minLength: 1, maxLength: 8 })),
  checksum: rarely<'right' | 'wrong' | 'zero'>('right', fc.constantFrom('wrong', 'zero')),
  padding: rarely(0, fc.nat(60)),
  srcMac: rarely(0, fc.nat(3)),
  options: fc.oneof({ weight: 2, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.nat(OPTIONS.length - 1) }),
});

/** In units of 8 bytes: what comes behind 63 and 64 is at the edge of what is walked, behind 59 at that of what is walked in a quote. */
const LONG_HEADERS = [16, 31, 59, 63, 64, 140];

/** The extension header that a number stands for; most are harmless. */
function extensionOf(number: number, family: Family): Layer {
  const { CLIENT } = HOSTS[family];
  if (number < 20) return destinationOptions({ options: Buffer.alloc(6 + 8 * (number % 4)) });
  if (number < 30) return hopByHop();
  if (number < 36) return destinationOptions({ options: Buffer.alloc(8 * (LONG_HEADERS[number - 30] as number) - 2) });
  if (number < 42) return routing({ segmentsLeft: 0, addresses: [CLIENT.address] });
  if (number < 46) return routing({ segmentsLeft: 1, addresses: [CLIENT.address] });
  if (number < 56) return fragment({ reserved: number });
  return destinationOptions({ nextHeader: [0, 43, 44, 50, 51, 59, 60, 255][number - 56] as number });
}

/** What stands between the IP header and the next: IPv4 options, or extension headers. */
export function betweenHeaders(family: Family, { between, dontFragment, tos }: Shape) {
  return {
    header: {
      v4: { dontFragment, options: Buffer.alloc(4 * Math.min(between.length, 10), 1) },
      v6: { flowLabel: tos * 257 },
    },
    extensions: family === 6 ? between.map((number) => extensionOf(number, family)) : [],
  };
}

/** `content`: instead of the shape's payload. */
export function buildShape(family: Family, ends: Ends, protocol: 'tcp' | 'udp', given: Shape, content?: Buffer): Buffer {
  const { checksum } = given;
  const { header, extensions } = betweenHeaders(family, given);
  const change: Change = {
    flags: FLAGS[given.flags] as readonly TcpFlag[],
    payload: content ?? Buffer.alloc(given.payload, 0x5a),
    ip: { ttl: given.hops, tos: given.tos, ...header },
    tags: given.tags,
    ...(given.options === undefined ? {} : { options: OPTIONS[given.options] as Buffer }),
    extensions,
    padding: given.padding,
    ...(checksum === 'right' ? {} : { checksum: checksum === 'zero' ? 0 : 0xbeef }),
    srcMac: given.srcMac === 0 ? ends.srcMac : `02:00:00:00:02:0${given.srcMac}`,
  };
  return buildPacket(family, ends, protocol, change);
}

/** What becomes of a frame before it arrives. Offsets count round. */
export type Damage =
  | { readonly kind: 'none' }
  | { readonly kind: 'cut'; readonly at: number; readonly lengths: boolean }
  | { readonly kind: 'bytes'; readonly changes: readonly (readonly [number, number])[] }
  | { readonly kind: 'bits'; readonly flips: readonly number[] };

const NONE: Damage = { kind: 'none' };
/** Most damage goes to the headers. */
const place = fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 12, max: 100 }) }, { weight: 1, arbitrary: fc.nat(1600) });
export const damage: fc.Arbitrary<Damage> = fc.oneof(
  { weight: 5, arbitrary: fc.constant(NONE) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cut' as const), at: place, lengths: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('bytes' as const),
      changes: fc.array(fc.tuple(place, fc.nat(255)), { minLength: 1, maxLength: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('bits' as const), flips: fc.array(fc.nat(8 * 120), { minLength: 1, maxLength: 3 }) }),
  },
);

export function applyDamage(frame: Buffer, done: Damage): Buffer {
  if (done.kind === 'none') return frame;
  const out = Buffer.from(frame);
  if (done.kind === 'cut') return cutFrame(out, 14 + (done.at % Math.max(1, out.length - 13)), done.lengths);
  if (done.kind === 'bytes') for (const [at, byte] of done.changes) out[12 + (at % (out.length - 12))] = byte;
  else for (const bit of done.flips) out[12 + ((bit >> 3) % (out.length - 12))]! ^= 1 << (bit & 7);
  return out;
}

/** The frame's first `length` bytes; `lengths`: with the IP header's length cut too, so that it is the transport header that is cut. */
export function cutFrame(frame: Buffer, length: number, lengths: boolean): Buffer {
  const cut = Buffer.from(frame.subarray(0, length));
  if (!lengths) return cut;
  const type = frame.readUInt16BE(12);
  if (type === 0x86dd && length >= 54) cut.writeUInt16BE(length - 54, 18);
  if (type === 0x0800 && length >= 34) {
    cut.writeUInt16BE(length - 14, 16);
    cut.writeUInt16BE(0, 24);
    cut.writeUInt16BE(computeChecksum(cut.subarray(14, 34)), 24);
  }
  return cut;
}

/** Frames that are no TCP or UDP of a client or a backend, by number. `inner`: a frame whose IP packet is put inside. */
export function buildOdd(family: Family, kind: number, inner: Buffer, ends: Ends): Buffer {
  const { VIP, LB, CLIENT, ELSEWHERE } = HOSTS[family];
  const link = ethernet({ dst: LB.mac, src: CLIENT.mac });
  const ip = (dst: string, protocol?: number): Layer =>
    family === 4
      ? ipv4({ src: CLIENT.address, dst, ...(protocol === undefined ? {} : { protocol }) })
      : ipv6({ src: CLIENT.address, dst, ...(protocol === undefined ? {} : { nextHeader: protocol }) });
  const quoted = inner.subarray(14, 14 + 60 + (kind % 64));
  const segment = tcp({ src: ends.sport, dst: ends.dport, flags: ['syn'] });
  switch (kind % 12) {
    case 0:
      return buildFrame(ethernet({ dst: 'ff:ff:ff:ff:ff:ff', src: CLIENT.mac, type: 0x0806 }), inner.subarray(0, 28));
    case 1:
      return buildFrame(link, ip(VIP.address, 132), quoted);
    case 2:
      return buildFrame(link, ip(LB.address, 50), quoted);
    case 3: // the other family's ICMP
      return buildFrame(link, ip(VIP.address, family === 4 ? 58 : 1), quoted);
    case 4: // a tunnel to the VIP; what is in it is not looked at
      return buildFrame(link, ip(VIP.address), ipv4({ src: '9.9.9.9', dst: '8.8.8.8' }), ipv6({ src: '::1', dst: '::2' }), segment);
    case 5:
      return buildFrame(link, ip(VIP.address, 47), quoted);
    case 6:
      return buildFrame(link, ip(ELSEWHERE.far), segment);
    case 7:
      return buildFrame(link, ip(VIP.address), tcp({ src: ends.sport, dst: 4242, flags: ['syn'] }));
    case 8:
      return buildFrame(link, ip(LB.address), kind % 2 === 0 ? segment : udp({ src: ends.sport, dst: 20000 + (kind % 1000) }));
    case 9:
      return buildFrame(link, vlan({ id: 1, type: kind * 7 }), inner.subarray(14));
    case 10:
      return buildFrame(link, ip(HOSTS[family].UNSPECIFIED), segment);
    default: // the other family's header under this one's ethertype
      return buildFrame(ethernet({ dst: LB.mac, src: CLIENT.mac, type: family === 4 ? 0x86dd : 0x0800 }), inner.subarray(14));
  }
}
