// Frames of the decapsulator's packet cases: Ethernet, outer IP, inner IP, payload; both families.
// Imports Node's net alone. Checksums are right unless a case breaks them afterwards.

import { isIPv6 } from 'node:net';

export type Family = 4 | 6;

export const familyOf = (address: string): Family => (isIPv6(address) ? 6 : 4);

/** RFC 1071 over an IPv4 header whose checksum field is 0 (or whole: then the answer is 0 when it is right). */
export function internetChecksum(header: Buffer): number {
  let sum = 0;
  for (let i = 0; i < header.length; i += 2) sum += header.readUInt16BE(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** What both families have. */
export interface IpFields {
  readonly source: string;
  readonly destination: string;
  /** Protocol of IPv4; what stands behind the IPv6 header and `extensions`. */
  readonly protocol: number;
  /** TOS or traffic class. */
  readonly tos?: number;
  /** TTL or hop limit. */
  readonly ttl?: number;
  /** IPv4: flags and offset as the 16-bit field. */
  readonly fragment?: number;
  /** IPv4: length a multiple of 4. */
  readonly options?: Buffer;
  /** IPv6: headers in front of the payload, as [number, bytes from the second on]. */
  readonly extensions?: readonly (readonly [number, Buffer])[];
  readonly flowLabel?: number;
  /** Overrides of the fields that follow from the content; totalLength counts from the IP header on in both families. */
  readonly version?: number;
  readonly headerWords?: number;
  readonly totalLength?: number;
}

/** The 4 or 16 bytes of an address. */
export function addressBytes(address: string): Buffer {
  if (!isIPv6(address)) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail] = address
    .replace(/\d+\.\d+\.\d+\.\d+$/, (v4) => addressBytes(v4).toString('hex').replace(/^..../, '$&:'))
    .split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':').map((group) => group.padStart(4, '0')));
  const [first, last] = [groups(head), groups(tail ?? '')];
  return Buffer.from([...first, ...Array<string>(8 - first.length - last.length).fill('0000'), ...last].join(''), 'hex');
}

/** The 16 bytes of the maps' keys: IPv4 as an IPv4-mapped address. */
export const addressKey = (address: string): Buffer => addressBytes(isIPv6(address) ? address : `::ffff:${address}`);

/** A packet of the family of its addresses. */
export const ip = (fields: IpFields, payload: Buffer): Buffer => (isIPv6(fields.destination) ? ipv6 : ipv4)(fields, payload);

function ipv4(fields: IpFields, payload: Buffer): Buffer {
  const header = Buffer.concat([Buffer.alloc(20), fields.options ?? Buffer.alloc(0)]);
  header[0] = ((fields.version ?? 4) << 4) | (fields.headerWords ?? header.length / 4);
  header[1] = fields.tos ?? 0;
  header.writeUInt16BE(fields.totalLength ?? header.length + payload.length, 2);
  header.writeUInt16BE(0x1234, 4);
  header.writeUInt16BE(fields.fragment ?? 0, 6);
  header[8] = fields.ttl ?? 64;
  header[9] = fields.protocol;
  addressBytes(fields.source).copy(header, 12);
  addressBytes(fields.destination).copy(header, 16);
  header.writeUInt16BE(internetChecksum(header), 10);
  return Buffer.concat([header, payload]);
}

function ipv6(fields: IpFields, payload: Buffer): Buffer {
  const extensions = fields.extensions ?? [];
  const chain = [...extensions.map(([number]) => number), fields.protocol];
  const content = Buffer.concat([...extensions.map(([, bytes], i) => Buffer.from([chain[i + 1] ?? 0, ...bytes])), payload]);
  const header = Buffer.alloc(40);
  header.writeUInt32BE((fields.version ?? 6) * 2 ** 28 + ((fields.tos ?? 0) << 20) + (fields.flowLabel ?? 0xabcde), 0);
  header.writeUInt16BE(fields.totalLength === undefined ? content.length : fields.totalLength - 40, 4);
  header[6] = chain[0] ?? 0;
  header[7] = fields.ttl ?? 64;
  addressBytes(fields.source).copy(header, 8);
  addressBytes(fields.destination).copy(header, 24);
  return Buffer.concat([header, content]);
}

/** `type`: a family, or another EtherType. */
export function ethernet(packet: Buffer, type: Family | number): Buffer {
  const header = Buffer.from('0200000000aa0200000000bb0000', 'hex');
  header.writeUInt16BE(type === 4 ? 0x0800 : type === 6 ? 0x86dd : type, 12);
  return Buffer.concat([header, packet]);
}
