// The IP headers of both families as layers.
// Imports its siblings alone.

import { addressBytes } from '../address.js';
import { computeChecksum } from '../checksum.js';
import { ETHERTYPE, type Layer, PROTOCOL } from './layer.js';

export interface Ipv4Fields {
  readonly src: string;
  readonly dst: string;
  readonly ttl?: number;
  readonly tos?: number;
  readonly id?: number;
  /** Default true, as hosts send TCP. */
  readonly dontFragment?: boolean;
  readonly moreFragments?: boolean;
  /** In units of 8 bytes, as in the header. */
  readonly fragmentOffset?: number;
  readonly version?: number;
  /** In 32-bit words. */
  readonly headerLength?: number;
  readonly totalLength?: number;
  readonly protocol?: number;
  readonly checksum?: number;
  /** A multiple of 4 bytes. */
  readonly options?: Buffer;
}
/** RFC 791. */
export function ipv4(fields: Ipv4Fields): Layer {
  const addresses = { source: addressBytes(fields.src), destination: addressBytes(fields.dst) };
  return {
    protocol: PROTOCOL.ipip,
    ethertype: ETHERTYPE.ipv4,
    addresses,
    encode(content, inner) {
      const header = Buffer.concat([Buffer.alloc(20), fields.options ?? Buffer.alloc(0)]);
      const flags = ((fields.dontFragment ?? true) ? 0x4000 : 0) | (fields.moreFragments ? 0x2000 : 0);
      header.writeUInt8(((fields.version ?? 4) << 4) | (fields.headerLength ?? header.length / 4), 0);
      header.writeUInt8(fields.tos ?? 0, 1);
      header.writeUInt16BE(fields.totalLength ?? header.length + content.length, 2);
      header.writeUInt16BE(fields.id ?? 0, 4);
      header.writeUInt16BE(flags | (fields.fragmentOffset ?? 0), 6);
      header.writeUInt8(fields.ttl ?? 64, 8);
      header.writeUInt8(fields.protocol ?? inner?.protocol ?? 255, 9);
      addresses.source.copy(header, 12);
      addresses.destination.copy(header, 16);
      header.writeUInt16BE(fields.checksum ?? computeChecksum(header), 10);
      return Buffer.concat([header, content]);
    },
  };
}

export interface Ipv6Fields {
  readonly src: string;
  readonly dst: string;
  readonly hopLimit?: number;
  readonly trafficClass?: number;
  /** 20 bits. */
  readonly flowLabel?: number;
  readonly version?: number;
  /** Bytes behind the 40 of the header, extension headers among them. */
  readonly payloadLength?: number;
  readonly nextHeader?: number;
}
/** RFC 8200, section 3. */
export function ipv6(fields: Ipv6Fields): Layer {
  const addresses = { source: addressBytes(fields.src), destination: addressBytes(fields.dst) };
  return {
    protocol: PROTOCOL.ipv6,
    ethertype: ETHERTYPE.ipv6,
    addresses,
    encode(content, inner) {
      const header = Buffer.alloc(8);
      const word = (fields.version ?? 6) * 2 ** 28 + (fields.trafficClass ?? 0) * 2 ** 20 + (fields.flowLabel ?? 0);
      header.writeUInt32BE(word, 0);
      header.writeUInt16BE(fields.payloadLength ?? content.length, 4);
      header.writeUInt8(fields.nextHeader ?? inner?.protocol ?? PROTOCOL.noNextHeader, 6);
      header.writeUInt8(fields.hopLimit ?? 64, 7);
      return Buffer.concat([header, addresses.source, addresses.destination, content]);
    },
  };
}
