// Frames of the decapsulator's packet cases: Ethernet, outer IPv4, inner IPv4, 8 bytes of payload.
// Imports nothing. Checksums are right unless a case breaks them afterwards.

/** RFC 1071 over an IPv4 header whose checksum field is 0 (or whole: then the answer is 0 when it is right). */
export function internetChecksum(header: Buffer): number {
  let sum = 0;
  for (let i = 0; i < header.length; i += 2) sum += header.readUInt16BE(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

export interface Ipv4Fields {
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  readonly tos?: number;
  readonly ttl?: number;
  /** Flags and offset as the 16-bit field. */
  readonly fragment?: number;
  /** Length a multiple of 4. */
  readonly options?: Buffer;
  /** Overrides of the fields that follow from the content. */
  readonly version?: number;
  readonly headerWords?: number;
  readonly totalLength?: number;
}

const addressBytes = (address: string): Buffer => Buffer.from(address.split('.').map(Number));

export function ipv4(fields: Ipv4Fields, payload: Buffer): Buffer {
  const options = fields.options ?? Buffer.alloc(0);
  const header = Buffer.concat([Buffer.alloc(20), options]);
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

/** `etherType` 0x0800: IPv4. */
export function ethernet(payload: Buffer, etherType = 0x0800): Buffer {
  const header = Buffer.from('0200000000aa0200000000bb0000', 'hex');
  header.writeUInt16BE(etherType, 12);
  return Buffer.concat([header, payload]);
}
