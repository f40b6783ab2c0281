// Packet cases of the decapsulators, as data: what comes in, the reason that must be counted, what comes out.
// Imports frames.ts alone. HOST and VIP are what the test writes into the maps addresses and vips.
// `out` undefined: the frame must leave byte for byte as it came. `choice`: config.other decides about it.

import { ethernet, ipv4, type Ipv4Fields } from './frames.js';

export const HOST = '20.1.1.10';
export const VIP = '40.1.1.1';

export interface DecapCase {
  readonly text: string;
  readonly in: Buffer;
  readonly reason: string;
  readonly out?: Buffer;
  readonly choice?: true;
  /** The one hook that can be tested; undefined: both. */
  readonly hook?: 'tc' | 'xdp';
}

const payload = Buffer.from('0123456789abcdef', 'hex');
const udp = (fields: Partial<Ipv4Fields> = {}): Buffer => ipv4({ source: '10.1.1.5', destination: VIP, protocol: 17, ...fields }, payload);
const wrap = (inner: Buffer, fields: Partial<Ipv4Fields> = {}): Buffer =>
  ipv4({ source: '20.1.1.1', destination: HOST, protocol: 4, ...fields }, inner);

function broken(frame: Buffer, offset: number, mask: number): Buffer {
  const copy = Buffer.from(frame);
  copy[offset] = (copy[offset] ?? 0) ^ mask;
  return copy;
}

const plain = ethernet(wrap(udp()));
const icmpOptions = Buffer.from('94040000', 'hex'); // router alert, RFC 2113

export const DECAP_CASES: readonly DecapCase[] = [
  { text: 'a UDP packet for the VIP loses its outer header', in: plain, reason: 'decapsulated', out: ethernet(udp()) },
  {
    text: 'padding behind the outer packet stays',
    in: Buffer.concat([plain, Buffer.alloc(6)]),
    reason: 'decapsulated',
    out: Buffer.concat([ethernet(udp()), Buffer.alloc(6)]),
  },
  {
    text: 'an inner packet with options is taken',
    in: ethernet(wrap(udp({ options: icmpOptions }))),
    reason: 'decapsulated',
    out: ethernet(udp({ options: icmpOptions })),
  },
  {
    text: 'an inner fragment is taken: it names its VIP',
    in: ethernet(wrap(udp({ fragment: 0x2005 }))),
    reason: 'decapsulated',
    out: ethernet(udp({ fragment: 0x2005 })),
  },
  {
    text: "the outer header's don't-fragment bit does no harm",
    in: ethernet(wrap(udp(), { fragment: 0x4000 })),
    reason: 'decapsulated',
    out: ethernet(udp()),
  },
  { text: 'an inner packet cut behind its header', in: ethernet(wrap(udp().subarray(0, 20))), reason: 'inner_malformed', choice: true },
  {
    text: 'an inner packet without payload is taken',
    in: ethernet(wrap(ipv4({ source: '10.1.1.5', destination: VIP, protocol: 17 }, Buffer.alloc(0)))),
    reason: 'decapsulated',
    out: ethernet(ipv4({ source: '10.1.1.5', destination: VIP, protocol: 17 }, Buffer.alloc(0))),
  },
  {
    text: 'a congestion mark moves inside, with a right checksum',
    in: ethernet(wrap(udp({ tos: 0xba }), { tos: 3 })),
    reason: 'decapsulated',
    out: ethernet(udp({ tos: 0xbb })),
  },
  {
    text: 'an outer mark "capable" changes nothing inside',
    in: ethernet(wrap(udp({ tos: 1 }), { tos: 2 })),
    reason: 'decapsulated',
    out: ethernet(udp({ tos: 1 })),
  },
  {
    text: 'a congestion mark over a packet that cannot carry it',
    in: ethernet(wrap(udp({ tos: 0xb8 }), { tos: 3 })),
    reason: 'ecn_lost',
    choice: true,
  },
  { text: 'an IPv6 frame', in: ethernet(wrap(udp()), 0x86dd), reason: 'not_ip' },
  { text: 'an ARP frame', in: ethernet(Buffer.alloc(28), 0x0806), reason: 'not_ip' },
  {
    text: 'plain TCP to the host (ssh)',
    in: ethernet(ipv4({ source: '10.1.1.5', destination: HOST, protocol: 6 }, Buffer.alloc(40))),
    reason: 'not_tunnel',
  },
  { text: 'plain UDP to the VIP (L2 dispatch)', in: ethernet(udp()), reason: 'not_tunnel' },
  { text: 'a tunnel packet for another host', in: ethernet(wrap(udp(), { destination: '20.1.1.20' })), reason: 'not_local' },
  { text: 'a tunnel packet whose outer destination is the VIP', in: ethernet(wrap(udp(), { destination: VIP })), reason: 'not_local' },
  { text: 'outer total length beyond the frame', in: ethernet(wrap(udp(), { totalLength: 49 })), reason: 'outer_malformed', choice: true },
  { text: 'outer total length below the header', in: ethernet(wrap(udp(), { totalLength: 19 })), reason: 'outer_malformed', choice: true },
  { text: 'outer version 6', in: ethernet(wrap(udp(), { version: 6 })), reason: 'outer_malformed', choice: true },
  { text: 'outer header length below 20', in: ethernet(wrap(udp(), { headerWords: 4 })), reason: 'outer_malformed', choice: true },
  { text: 'outer options', in: ethernet(wrap(udp(), { options: icmpOptions })), reason: 'outer_options', choice: true },
  { text: 'the first outer fragment', in: ethernet(wrap(udp(), { fragment: 0x2000 })), reason: 'outer_fragment', choice: true },
  { text: 'a later outer fragment', in: ethernet(wrap(udp(), { fragment: 0x0001 })), reason: 'outer_fragment', choice: true },
  { text: 'a wrong outer checksum', in: broken(plain, 14 + 10, 0x01), reason: 'outer_checksum', choice: true },
  { text: 'an outer packet without content', in: ethernet(wrap(Buffer.alloc(0))), reason: 'inner_truncated', choice: true },
  { text: 'an inner header cut by one byte', in: ethernet(wrap(udp().subarray(0, 19))), reason: 'inner_truncated', choice: true },
  { text: 'an inner header in the padding alone', in: ethernet(wrap(udp(), { totalLength: 39 })), reason: 'inner_truncated', choice: true },
  { text: 'inner version 6', in: ethernet(wrap(udp({ version: 6 }))), reason: 'inner_malformed', choice: true },
  { text: 'inner header length below 20', in: ethernet(wrap(udp({ headerWords: 4 }))), reason: 'inner_malformed', choice: true },
  {
    text: 'inner header longer than the inner packet',
    in: ethernet(wrap(udp({ headerWords: 15 }))),
    reason: 'inner_malformed',
    choice: true,
  },
  {
    text: 'inner total length beyond the outer packet',
    in: ethernet(wrap(udp({ totalLength: 29 }))),
    reason: 'inner_malformed',
    choice: true,
  },
  {
    text: 'an inner destination that is no VIP',
    in: ethernet(wrap(udp({ destination: '40.1.1.2' }))),
    reason: 'inner_not_vip',
    choice: true,
  },
  {
    text: 'an inner destination that is the host itself',
    in: ethernet(wrap(udp({ destination: HOST }))),
    reason: 'inner_not_vip',
    choice: true,
  },
  { text: 'a tunnel in the tunnel', in: ethernet(wrap(wrap(udp()))), reason: 'inner_not_vip', choice: true },
  { text: 'inner time to live 0', in: ethernet(wrap(udp({ ttl: 0 }))), reason: 'inner_ttl', choice: true },
  // The kernel's test run takes no such frame for tc.
  { text: 'a frame that ends inside the outer header', hook: 'xdp', in: plain.subarray(0, 14 + 19), reason: 'truncated' },
];
