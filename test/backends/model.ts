// A decapsulator in TypeScript, written from docs/backends.md and the RFCs, not from the C: what must become of a frame.
// Imports nothing. The program and this must agree on every frame (fuzz.test.ts).
// Addresses are lower-case hex of 4 or 16 bytes, so that an IPv4-mapped IPv6 address is never the IPv4 address.

export interface Outcome {
  readonly reason: string;
  /** The frame that goes on when reason is decapsulated. */
  readonly out?: Buffer;
}

/** What a header says that both families have. */
interface Header {
  readonly bytes: number;
  readonly total: number;
  readonly destination: string;
  readonly ttl: number;
  readonly ecn: number;
}

const TUNNELS: Record<number, readonly number[]> = { 2048: [4], 34525: [4, 41] };
const INNER_TYPE: Record<number, number> = { 4: 0x0800, 41: 0x86dd };
const VERSION: Record<number, number> = { 2048: 4, 34525: 6 };
const MINIMUM: Record<number, number> = { 2048: 20, 34525: 40 };
const [HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION] = [0, 43, 44, 60];

/** RFC 2473, 4.1.1 with PadN of one byte behind it: the one outer option that may be taken off. From the second byte on, in hex. */
const isLimit = (header: Buffer): boolean => /^000401..0101..$/.test(header.toString('hex', 1, 8));

function read(type: number, packet: Buffer): Header {
  const v4 = type === 0x0800;
  return {
    bytes: v4 ? ((packet[0] as number) & 15) * 4 : 40,
    total: v4 ? packet.readUInt16BE(2) : 40 + packet.readUInt16BE(4),
    destination: v4 ? packet.toString('hex', 16, 20) : packet.toString('hex', 24, 40),
    ttl: packet[v4 ? 8 : 7] as number,
    ecn: v4 ? (packet[1] as number) & 3 : ((packet[1] as number) >> 4) & 3,
  };
}

const version = (packet: Buffer): number => (packet[0] as number) >> 4;

function checksumIsRight(header: Buffer): boolean {
  let sum = 0;
  for (let i = 0; i < header.length; i += 2) sum += header.readUInt16BE(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum === 0xffff;
}

/** What stands behind the extension headers of an IPv6 packet, walked at most 4 headers and 64 bytes far. */
function walk(packet: Buffer): { next: number; bytes: number; fragment: boolean; limits: number; others: number } | 'truncated' | 'beyond' {
  let [next, bytes, limits, others] = [packet[6] as number, 40, 0, 0];
  for (let count = 0; [HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION].includes(next); count++) {
    if (count === 4 || bytes + 8 > 40 + 64) return 'beyond';
    const header = packet.subarray(bytes);
    if (header.length < 8) return 'truncated';
    if (next === FRAGMENT) return { next: header[0] as number, bytes, fragment: true, limits, others };
    if (next === DESTINATION && isLimit(header)) limits++;
    else others++;
    next = header[0] as number;
    bytes += ((header[1] as number) + 1) * 8;
  }
  return { next, bytes, fragment: false, limits, others };
}

/** RFC 6040, figure 4; undefined: the packet is to be dropped. */
function mergeEcn(outer: number, inner: number): number | undefined {
  if (inner === 0) return outer === 3 ? undefined : 0;
  if (inner === 3 || outer === 3) return 3;
  return outer === 1 ? 1 : inner;
}

/** The packet with another ECN field and, for IPv4, the checksum that follows from it if it was right before. */
function withEcn(type: number, packet: Buffer, ecn: number): Buffer {
  const copy = Buffer.from(packet);
  const before = copy.readUInt16BE(0);
  const shift = type === 0x0800 ? 0 : 4;
  const after = (before & ~(3 << shift)) | (ecn << shift);
  copy.writeUInt16BE(after, 0);
  if (type === 0x0800 && after !== before) {
    let sum = (~copy.readUInt16BE(10) & 0xffff) + (~before & 0xffff) + after; // RFC 1624, eq. 3
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
    copy.writeUInt16BE(~sum & 0xffff, 10);
  }
  return copy;
}

/** `hosts` and `vips`: addresses in hex. */
export function decapsulate(frame: Buffer, hosts: ReadonlySet<string>, vips: ReadonlySet<string>): Outcome {
  const type = frame.readUInt16BE(12);
  const packet = frame.subarray(14);
  const minimum = MINIMUM[type];
  if (minimum === undefined) return { reason: 'not_ip' };
  if (packet.length < minimum) return { reason: 'truncated' };
  const outer = read(type, packet);
  const chain =
    type === 0x0800
      ? {
          next: packet[9] as number,
          bytes: outer.bytes,
          fragment: (packet.readUInt16BE(6) & 0x3fff) !== 0,
          limits: 0,
          others: outer.bytes === 20 ? 0 : 1,
        }
      : walk(packet);
  if (chain === 'truncated') return { reason: 'truncated' };
  if (chain === 'beyond' || !TUNNELS[type]?.includes(chain.next)) return { reason: 'not_tunnel' };
  if (!hosts.has(outer.destination)) return { reason: 'not_local' };

  if (version(packet) !== VERSION[type]) return { reason: 'outer_malformed' };
  if (chain.bytes < minimum || outer.total < chain.bytes || outer.total > packet.length) return { reason: 'outer_malformed' };
  if (type === 0x0800 && chain.others > 0) return { reason: 'outer_options' };
  if (chain.fragment) return { reason: 'outer_fragment' };
  if (chain.others > 0 || chain.limits > 1) return { reason: 'outer_options' };
  if (type === 0x0800 && !checksumIsRight(packet.subarray(0, 20))) return { reason: 'outer_checksum' };

  const innerType = INNER_TYPE[chain.next] as number;
  const innerMinimum = MINIMUM[innerType] as number;
  const content = packet.subarray(chain.bytes, outer.total);
  if (content.length < innerMinimum) return { reason: 'inner_truncated' };
  const inner = read(innerType, content);
  if (version(content) !== VERSION[innerType] || inner.bytes < innerMinimum) return { reason: 'inner_malformed' };
  if (inner.total < inner.bytes || inner.total > content.length) return { reason: 'inner_malformed' };
  if (!vips.has(inner.destination)) return { reason: 'inner_not_vip' };
  if (inner.ttl === 0) return { reason: 'inner_ttl' };
  const ecn = mergeEcn(outer.ecn, inner.ecn);
  if (ecn === undefined) return { reason: 'ecn_lost' };
  const ethernet = Buffer.from(frame.subarray(0, 14));
  ethernet.writeUInt16BE(innerType, 12);
  return { reason: 'decapsulated', out: Buffer.concat([ethernet, withEcn(innerType, packet.subarray(chain.bytes), ecn)]) };
}
