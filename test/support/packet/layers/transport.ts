// What IP carries: TCP, UDP and the ICMP of both families as layers.
// Imports its siblings alone.

import { computeChecksum, computeTransportChecksum } from '../checksum.js';
import { type Layer, PROTOCOL, type Surroundings } from './layer.js';

export const TCP_FLAG = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32, ece: 64, cwr: 128 } as const;
export type TcpFlag = keyof typeof TCP_FLAG;

export interface TcpFields {
  readonly src: number;
  readonly dst: number;
  readonly flags?: readonly TcpFlag[];
  readonly seq?: number;
  readonly ack?: number;
  readonly window?: number;
  readonly urgent?: number;
  /** In 32-bit words. */
  readonly dataOffset?: number;
  /** A multiple of 4 bytes. */
  readonly options?: Buffer;
  readonly checksum?: number;
}
/** RFC 9293, section 3.1. */
export function tcp(fields: TcpFields): Layer {
  return {
    protocol: PROTOCOL.tcp,
    encode(content, _inner, around) {
      const header = Buffer.concat([Buffer.alloc(20), fields.options ?? Buffer.alloc(0)]);
      header.writeUInt16BE(fields.src, 0);
      header.writeUInt16BE(fields.dst, 2);
      header.writeUInt32BE(fields.seq ?? 1000, 4);
      header.writeUInt32BE(fields.ack ?? 0, 8);
      header.writeUInt8((fields.dataOffset ?? header.length / 4) << 4, 12);
      header.writeUInt8(
        (fields.flags ?? ['ack']).reduce((bits, flag) => bits | TCP_FLAG[flag], 0),
        13,
      );
      header.writeUInt16BE(fields.window ?? 64240, 14);
      header.writeUInt16BE(fields.urgent ?? 0, 18);
      const segment = Buffer.concat([header, content]);
      const sum = fields.checksum ?? computeTransportChecksum(around.source, around.destination, PROTOCOL.tcp, segment);
      segment.writeUInt16BE(sum, 16);
      return segment;
    },
  };
}

export interface UdpFields {
  readonly src: number;
  readonly dst: number;
  readonly length?: number;
  /** 0: none was computed (RFC 768), which IPv6 does not allow (RFC 8200, section 8.1). */
  readonly checksum?: number;
}
/** RFC 768: a checksum that comes out as 0 is sent as 0xffff. */
export function udp(fields: UdpFields): Layer {
  return {
    protocol: PROTOCOL.udp,
    encode(content, _inner, around) {
      const segment = Buffer.concat([Buffer.alloc(8), content]);
      segment.writeUInt16BE(fields.src, 0);
      segment.writeUInt16BE(fields.dst, 2);
      segment.writeUInt16BE(fields.length ?? segment.length, 4);
      const computed = computeTransportChecksum(around.source, around.destination, PROTOCOL.udp, segment) || 0xffff;
      segment.writeUInt16BE(fields.checksum ?? computed, 6);
      return segment;
    },
  };
}

export interface IcmpFields {
  readonly type: number;
  readonly code?: number;
  /** The second word of the header: identifier and sequence number of an echo, the MTU of a packet that was too big. */
  readonly rest?: number;
  readonly checksum?: number;
}
function icmpMessage(protocol: number, fields: IcmpFields, checksum: (message: Buffer, around: Surroundings) => number): Layer {
  return {
    protocol,
    encode(content, _inner, around) {
      const message = Buffer.concat([Buffer.alloc(8), content]);
      message.writeUInt8(fields.type, 0);
      message.writeUInt8(fields.code ?? 0, 1);
      message.writeUInt32BE(fields.rest ?? 0, 4);
      message.writeUInt16BE(fields.checksum ?? checksum(message, around), 2);
      return message;
    },
  };
}

/** RFC 792: the checksum covers the message alone. */
export function icmp(fields: IcmpFields): Layer {
  return icmpMessage(PROTOCOL.icmp, fields, (message) => computeChecksum(message));
}

/** RFC 4443, section 2.3: the checksum covers the pseudo header too. */
export function icmpv6(fields: IcmpFields): Layer {
  return icmpMessage(PROTOCOL.icmpv6, fields, (message, { source, destination }) =>
    computeTransportChecksum(source, destination, PROTOCOL.icmpv6, message),
  );
}
