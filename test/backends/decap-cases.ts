// Packet cases of the decapsulators, as data: what comes in, the reason that must be counted, what comes out.
// Imports frames.ts alone. HOST and VIP are what the test writes into the maps addresses and vips.
// The cases of tunnelCases hold for each pair of families; the others belong to one outer or inner header.

import { ethernet, type Family, type IpFields, ip } from './frames.js';

export const HOST: Record<Family, string> = { 4: '20.1.1.10', 6: '2001:db8:20::10' };
export const VIP: Record<Family, string> = { 4: '40.1.1.1', 6: '2001:db8:40::1' };
const BALANCER: Record<Family, string> = { 4: '20.1.1.1', 6: '2001:db8:20::1' };
const CLIENT: Record<Family, string> = { 4: '10.1.1.5', 6: '2001:db8:10::5' };
const OTHER_HOST: Record<Family, string> = { 4: '20.1.1.20', 6: '2001:db8:20::20' };
const OTHER_VIP: Record<Family, string> = { 4: '40.1.1.2', 6: '2001:db8:40::2' };

export interface DecapCase {
  readonly text: string;
  readonly in: Buffer;
  readonly reason: string;
  /** undefined: the frame must leave byte for byte as it came. */
  readonly out?: Buffer;
  /** choice: config.other decides about it; dropped: lost in any case. */
  readonly fate?: 'choice' | 'dropped';
  /** The one hook that can be tested; undefined: both. */
  readonly hook?: 'tc' | 'xdp';
}

const payload = Buffer.from('0123456789abcdef', 'hex');
const HEADER: Record<Family, number> = { 4: 20, 6: 40 };

/** A UDP packet to the VIP. */
const udp = (family: Family, fields: Partial<IpFields> = {}, content = payload): Buffer =>
  ip({ source: CLIENT[family], destination: VIP[family], protocol: 17, ...fields }, content);

/** A tunnel packet to this host, from the IP header on. */
const wrap = (outer: Family, inner: Family, content: Buffer, fields: Partial<IpFields> = {}): Buffer =>
  ip({ source: BALANCER[outer], destination: HOST[outer], protocol: inner === 4 ? 4 : 41, ...fields }, content);

export const PAIRS: readonly (readonly [outer: Family, inner: Family])[] = [
  [4, 4],
  [6, 6],
  [6, 4],
];

/** ECN after decapsulation by RFC 6040, figure 4; rows: inner, columns: outer, both Not-ECT, ECT(1), ECT(0), CE. */
const ECN: readonly (readonly (number | 'lost')[])[] = [
  [0, 0, 0, 'lost'],
  [1, 1, 1, 3],
  [2, 1, 2, 3],
  [3, 3, 3, 3],
];

function tunnelCases(outer: Family, inner: Family): DecapCase[] {
  const tunnel = (content: Buffer, fields: Partial<IpFields> = {}): Buffer => ethernet(wrap(outer, inner, content, fields), outer);
  const [outerHeader, innerHeader] = [HEADER[outer], HEADER[inner]];
  const inside = udp(inner);
  const plain = tunnel(inside);
  const taken = (text: string, content: Buffer): DecapCase => ({
    text,
    in: tunnel(content),
    reason: 'decapsulated',
    out: ethernet(content, inner),
  });
  const refused = (text: string, reason: string, frame: Buffer): DecapCase => ({ text, in: frame, reason, fate: 'choice' });
  const cases: DecapCase[] = [
    taken('a UDP packet for the VIP loses its outer header', inside),
    taken('an inner packet without payload is taken', udp(inner, {}, Buffer.alloc(0))),
    taken('a large packet is taken', udp(inner, {}, Buffer.alloc(1400, 7))),
    {
      text: 'padding behind the outer packet stays',
      in: Buffer.concat([plain, Buffer.alloc(6)]),
      reason: 'decapsulated',
      out: Buffer.concat([ethernet(inside, inner), Buffer.alloc(6)]),
    },
    { text: 'a tunnel packet for another host', in: tunnel(inside, { destination: OTHER_HOST[outer] }), reason: 'not_local' },
    { text: 'a tunnel packet whose outer destination is the VIP', in: tunnel(inside, { destination: VIP[outer] }), reason: 'not_local' },
    refused('outer length beyond the frame', 'outer_malformed', tunnel(inside, { totalLength: outerHeader + inside.length + 1 })),
    refused('outer version of the other family', 'outer_malformed', tunnel(inside, { version: outer === 4 ? 6 : 4 })),
    refused('an outer packet without content', 'inner_truncated', tunnel(Buffer.alloc(0))),
    refused('an inner header cut by one byte', 'inner_truncated', tunnel(inside.subarray(0, innerHeader - 1))),
    refused('an inner header in the padding alone', 'inner_truncated', tunnel(inside, { totalLength: outerHeader + innerHeader - 1 })),
    refused('an inner packet cut behind its header', 'inner_malformed', tunnel(inside.subarray(0, innerHeader))),
    refused('inner version of the other family', 'inner_malformed', tunnel(udp(inner, { version: inner === 4 ? 6 : 4 }))),
    refused(
      'inner length beyond the outer packet',
      'inner_malformed',
      tunnel(udp(inner, { totalLength: innerHeader + payload.length + 1 })),
    ),
    refused(
      'inner length that only padding covers',
      'inner_malformed',
      Buffer.concat([tunnel(udp(inner, { totalLength: innerHeader + payload.length + 1 })), Buffer.alloc(6)]),
    ),
    refused('an inner destination that is no VIP', 'inner_not_vip', tunnel(udp(inner, { destination: OTHER_VIP[inner] }))),
    refused('an inner destination that is the host itself', 'inner_not_vip', tunnel(udp(inner, { destination: HOST[inner] }))),
    refused('inner time to live 0', 'inner_ttl', tunnel(udp(inner, { ttl: 0 }))),
    // The kernel's test run takes no such frame for tc.
    { text: 'a frame that ends inside the outer header', hook: 'xdp', in: plain.subarray(0, 14 + outerHeader - 1), reason: 'truncated' },
  ];
  for (const [innerEcn, row] of ECN.entries()) {
    for (const [outerEcn, result] of row.entries()) {
      const text = `ECN ${innerEcn} inside, ${outerEcn} outside`;
      const frame = tunnel(udp(inner, { tos: 0xb8 | innerEcn }), { tos: outerEcn });
      if (result === 'lost') cases.push({ text, in: frame, reason: 'ecn_lost', fate: 'dropped' });
      else
        cases.push({
          text: `${text}: ${result}`,
          in: frame,
          reason: 'decapsulated',
          out: ethernet(udp(inner, { tos: 0xb8 | result }), inner),
        });
    }
  }
  return cases.map((one) => ({ ...one, text: `IPv${inner} in IPv${outer}: ${one.text}` }));
}

const v4 = (content: Buffer, fields: Partial<IpFields> = {}): Buffer => ethernet(wrap(4, 4, content, fields), 4);
const v6 = (content: Buffer, fields: Partial<IpFields> = {}): Buffer => ethernet(wrap(6, 6, content, fields), 6);
const nested = (outer: Family, inner: Family): Buffer => ethernet(wrap(outer, outer, wrap(outer, inner, udp(inner))), outer);
const routerAlert = Buffer.from('94040000', 'hex'); // RFC 2113

function badChecksum(): Buffer {
  const frame = v4(udp(4));
  frame[14 + 10] = (frame[14 + 10] ?? 0) ^ 1;
  return frame;
}

const OUTER_V4: readonly DecapCase[] = [
  {
    text: "the outer header's don't-fragment bit does no harm",
    in: v4(udp(4), { fragment: 0x4000 }),
    reason: 'decapsulated',
    out: ethernet(udp(4), 4),
  },
  { text: 'outer total length below the header', in: v4(udp(4), { totalLength: 19 }), reason: 'outer_malformed', fate: 'choice' },
  { text: 'outer header length below 20', in: v4(udp(4), { headerWords: 4 }), reason: 'outer_malformed', fate: 'choice' },
  { text: 'outer options', in: v4(udp(4), { options: routerAlert }), reason: 'outer_options', fate: 'choice' },
  { text: 'the first outer fragment', in: v4(udp(4), { fragment: 0x2000 }), reason: 'outer_fragment', fate: 'choice' },
  { text: 'a later outer fragment', in: v4(udp(4), { fragment: 0x0001 }), reason: 'outer_fragment', fate: 'choice' },
  { text: 'a wrong outer checksum', in: badChecksum(), reason: 'outer_checksum', fate: 'choice' },
  { text: 'IPv6 in IPv4 is no tunnel of ours', in: ethernet(wrap(4, 6, udp(6)), 4), reason: 'not_tunnel' },
  { text: 'a tunnel in the tunnel, IPv4', in: nested(4, 4), reason: 'inner_not_vip', fate: 'choice' },
];

/** Extension headers from their second byte on. */
const limit = Buffer.from('00040104010100', 'hex'); // RFC 2473, 4.1.1: tunnel encapsulation limit 4
const homeAddress = Buffer.from(`02c910${'20'.repeat(16)}01020000`, 'hex'); // RFC 6275: 24 bytes, must be discarded when unknown
const padding = (length: number): Buffer => Buffer.from([length / 8 - 1, 1, length - 4, ...Buffer.alloc(length - 4)]);
const [HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION] = [0, 43, 44, 60];
const fragment = (field: string): readonly [number, Buffer] => [FRAGMENT, Buffer.from(`00${field}12345678`, 'hex')];
const chained = (text: string, reason: string, ...extensions: (readonly [number, Buffer])[]): DecapCase => ({
  text,
  in: v6(udp(6), { extensions }),
  reason,
  ...(reason === 'not_tunnel' ? {} : { fate: 'choice' }),
});

const OUTER_V6: readonly DecapCase[] = [
  ...([4, 6] as const).map((inner) => ({
    text: `an encapsulation limit goes with the outer header, IPv${inner} inside`,
    in: ethernet(wrap(6, inner, udp(inner), { extensions: [[DESTINATION, limit]] }), 6),
    reason: 'decapsulated',
    out: ethernet(udp(inner), inner),
  })),
  chained('two encapsulation limits', 'outer_options', [DESTINATION, limit], [DESTINATION, limit]),
  chained('destination options of nothing but padding', 'outer_options', [DESTINATION, padding(8)]),
  chained('another option behind the limit', 'outer_options', [DESTINATION, Buffer.from('01040104010100c906000000000000', 'hex')]),
  chained('another option beside the limit', 'outer_options', [DESTINATION, Buffer.from('000401043e0100', 'hex')]),
  chained('destination options with a home address', 'outer_options', [DESTINATION, homeAddress]),
  chained('a limit among hop-by-hop options', 'outer_options', [HOP_BY_HOP, limit]),
  chained('hop-by-hop options before the limit', 'outer_options', [HOP_BY_HOP, padding(8)], [DESTINATION, limit]),
  chained('a routing header with segments left', 'outer_options', [ROUTING, Buffer.from('00040100000000', 'hex')]),
  chained('four extension headers', 'outer_options', ...Array<[number, Buffer]>(4).fill([DESTINATION, padding(8)])),
  chained('five: beyond the bound', 'not_tunnel', ...Array<[number, Buffer]>(5).fill([DESTINATION, padding(8)])),
  chained('64 bytes of extension headers', 'outer_options', [HOP_BY_HOP, padding(56)], [DESTINATION, padding(8)]),
  chained('a header that begins after 64 bytes: beyond the bound', 'not_tunnel', [HOP_BY_HOP, padding(64)], [DESTINATION, padding(8)]),
  chained('the first outer fragment, IPv6', 'outer_fragment', fragment('0001')),
  chained('a later outer fragment, IPv6', 'outer_fragment', fragment('0008')),
  chained('an outer fragment of everything (RFC 6946)', 'outer_fragment', fragment('0000')),
  chained('a fragment that goes on with options: not known what it holds', 'not_tunnel', fragment('0001'), [DESTINATION, limit]),
  {
    text: 'TCP behind destination options',
    in: v6(Buffer.alloc(40), { protocol: 6, extensions: [[DESTINATION, limit]] }),
    reason: 'not_tunnel',
  },
  {
    text: 'a tunnel packet with options for another host',
    in: v6(udp(6), { destination: OTHER_HOST[6], extensions: [[DESTINATION, limit]] }),
    reason: 'not_local',
  },
  {
    text: 'a frame that ends inside an extension header',
    in: v6(udp(6), { extensions: [[DESTINATION, limit]] }).subarray(0, 14 + 40 + 7),
    reason: 'truncated',
  },
  {
    text: 'an extension header longer than the outer packet',
    in: v6(udp(6), { extensions: [[DESTINATION, Buffer.from('ff040104010100', 'hex')]] }),
    reason: 'outer_malformed',
    fate: 'choice',
  },
  {
    text: 'an outer length that ends inside the encapsulation limit',
    in: v6(udp(6), { extensions: [[DESTINATION, limit]], totalLength: 47 }),
    reason: 'outer_malformed',
    fate: 'choice',
  },
  {
    text: "an outer destination that is the host's IPv4 address, mapped",
    in: v6(udp(6), { destination: `::ffff:${HOST[4]}` }),
    reason: 'not_local',
  },
  { text: 'a tunnel in the tunnel, IPv6', in: nested(6, 6), reason: 'inner_not_vip', fate: 'choice' },
  { text: 'a tunnel for IPv4 in the tunnel, IPv6', in: nested(6, 4), reason: 'inner_not_vip', fate: 'choice' },
];

const innerTaken = (text: string, family: Family, fields: Partial<IpFields>): DecapCase => ({
  text,
  in: (family === 4 ? v4 : v6)(udp(family, fields)),
  reason: 'decapsulated',
  out: ethernet(udp(family, fields), family),
});

const INNER: readonly DecapCase[] = [
  innerTaken('an inner packet with options is taken', 4, { options: routerAlert }),
  innerTaken('an inner fragment is taken: it names its VIP', 4, { fragment: 0x2005 }),
  innerTaken('an inner packet with extension headers is taken', 6, { extensions: [[HOP_BY_HOP, padding(8)]] }),
  innerTaken('an inner fragment is taken, IPv6', 6, { extensions: [fragment('0009')] }),
  { text: 'inner header length below 20', in: v4(udp(4, { headerWords: 4 })), reason: 'inner_malformed', fate: 'choice' },
  { text: 'inner header longer than the inner packet', in: v4(udp(4, { headerWords: 15 })), reason: 'inner_malformed', fate: 'choice' },
  {
    text: 'an inner destination that is the IPv4 VIP, mapped',
    in: v6(udp(6, { destination: `::ffff:${VIP[4]}` })),
    reason: 'inner_not_vip',
    fate: 'choice',
  },
];

const FOREIGN: readonly DecapCase[] = [
  { text: 'an ARP frame', in: ethernet(Buffer.alloc(28), 0x0806), reason: 'not_ip' },
  {
    text: 'a tunnel packet behind a VLAN tag',
    in: ethernet(Buffer.concat([Buffer.from('00050800', 'hex'), wrap(4, 4, udp(4))]), 0x8100),
    reason: 'not_ip',
  },
  ...([4, 6] as const).flatMap((family) => [
    {
      text: `plain TCP to the host (ssh), IPv${family}`,
      in: ethernet(ip({ source: CLIENT[family], destination: HOST[family], protocol: 6 }, Buffer.alloc(40)), family),
      reason: 'not_tunnel',
    },
    { text: `plain UDP to the VIP (L2 dispatch), IPv${family}`, in: ethernet(udp(family), family), reason: 'not_tunnel' },
  ]),
];

export const DECAP_CASES: readonly DecapCase[] = [
  ...PAIRS.flatMap(([outer, inner]) => tunnelCases(outer, inner)),
  ...OUTER_V4,
  ...OUTER_V6,
  ...INNER,
  ...FOREIGN,
];
