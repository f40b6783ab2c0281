// What a layer of a frame is, and the numbers by which layers announce each other (IANA's protocol numbers, IEEE's ethertypes).
// Imports nothing.

export const PROTOCOL = {
  hopByHop: 0,
  icmp: 1,
  ipip: 4,
  tcp: 6,
  udp: 17,
  ipv6: 41,
  routing: 43,
  fragment: 44,
  icmpv6: 58,
  noNextHeader: 59,
  destination: 60,
} as const;
export const ETHERTYPE = { ipv4: 0x0800, arp: 0x0806, vlan: 0x8100, qinq: 0x88a8, ipv6: 0x86dd } as const;

/** What a layer learns about its surroundings when it is put into bytes: the addresses of its pseudo header. */
export interface Surroundings {
  readonly source: Buffer;
  readonly destination: Buffer;
}

export interface Layer {
  /** Protocol number under which an IP header announces this layer; undefined: not something that IP carries. */
  readonly protocol?: number;
  /** The same for Ethernet. */
  readonly ethertype?: number;
  /** Of an IP header: its addresses. */
  readonly addresses?: Surroundings;
  /** Of a routing header with segments left: the destination of the pseudo header (RFC 8200, section 8.1). */
  readonly finalDestination?: Buffer;
  encode(content: Buffer, inner: Layer | undefined, around: Surroundings): Buffer;
}
