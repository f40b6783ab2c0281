// Builds frames from layers, outermost first: buildFrame(ethernet({...}), ipv4({...}), tcp({...}), Buffer.from('data')).
// Imports its siblings alone. Lengths, protocol numbers and checksums are right unless a field is given:
// then exactly what was given stands in the frame, so that wrong frames can be built as easily as right ones.

import { addressBytes, macBytes } from './address.js';
import { computeChecksum, computeTransportChecksum } from './checksum.js';

export const PROTOCOL = { icmp: 1, ipip: 4, tcp: 6, udp: 17, ipv6: 41, icmpv6: 58 } as const;
export const ETHERTYPE = { ipv4: 0x0800, arp: 0x0806, vlan: 0x8100, qinq: 0x88a8, ipv6: 0x86dd } as const;
export const TCP_FLAG = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32, ece: 64, cwr: 128 } as const;
export type TcpFlag = keyof typeof TCP_FLAG;

/** What a layer learns about its surroundings when it is put into bytes. */
interface Surroundings {
  /** Addresses of the closest IP header outside, for the pseudo header. */
  readonly source: Buffer;
  readonly destination: Buffer;
}
export interface Layer {
  /** Protocol number under which an IP header announces this layer; undefined: not something that IP carries. */
  readonly protocol?: number;
  /** The same for Ethernet. */
  readonly ethertype?: number;
  readonly addresses?: Surroundings;
  encode(content: Buffer, inner: Layer | undefined, around: Surroundings): Buffer;
}

export interface EthernetFields {
  readonly dst: string;
  readonly src: string;
  readonly type?: number;
}
export function ethernet(fields: EthernetFields): Layer {
  return {
    encode(content, inner) {
      const header = Buffer.concat([macBytes(fields.dst), macBytes(fields.src), Buffer.alloc(2)]);
      header.writeUInt16BE(fields.type ?? inner?.ethertype ?? 0, 12);
      return Buffer.concat([header, content]);
    },
  };
}

/** IEEE 802.1Q tag; `tpid` is the type that announces it. */
export function vlan(fields: { readonly id: number; readonly tpid?: number }): Layer {
  return {
    ethertype: fields.tpid ?? ETHERTYPE.vlan,
    encode(content, inner) {
      const tag = Buffer.alloc(4);
      tag.writeUInt16BE(fields.id, 0);
      tag.writeUInt16BE(inner?.ethertype ?? 0, 2);
      return Buffer.concat([tag, content]);
    },
  };
}

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
  readonly flowLabel?: number;
  readonly payloadLength?: number;
  readonly nextHeader?: number;
}
/** RFC 8200. */
export function ipv6(fields: Ipv6Fields): Layer {
  const addresses = { source: addressBytes(fields.src), destination: addressBytes(fields.dst) };
  return {
    protocol: PROTOCOL.ipv6,
    ethertype: ETHERTYPE.ipv6,
    addresses,
    encode(content, inner) {
      const header = Buffer.alloc(8);
      header.writeUInt32BE(0x60000000 + ((fields.trafficClass ?? 0) << 20) + (fields.flowLabel ?? 0), 0);
      header.writeUInt16BE(fields.payloadLength ?? content.length, 4);
      header.writeUInt8(fields.nextHeader ?? inner?.protocol ?? 59, 6);
      header.writeUInt8(fields.hopLimit ?? 64, 7);
      return Buffer.concat([header, addresses.source, addresses.destination, content]);
    },
  };
}

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
  /** 0: none was computed (RFC 768). */
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

/** RFC 792; `rest` is the second word of the header. */
export function icmp(fields: { readonly type: number; readonly code?: number; readonly rest?: number; readonly checksum?: number }): Layer {
  return {
    protocol: PROTOCOL.icmp,
    encode(content) {
      const message = Buffer.concat([Buffer.alloc(8), content]);
      message.writeUInt8(fields.type, 0);
      message.writeUInt8(fields.code ?? 0, 1);
      message.writeUInt32BE(fields.rest ?? 0, 4);
      message.writeUInt16BE(fields.checksum ?? computeChecksum(message), 2);
      return message;
    },
  };
}

const nothing: Surroundings = { source: Buffer.alloc(4), destination: Buffer.alloc(4) };

/** Bytes of the layers, outermost first; a Buffer among them stands for itself. */
export function buildFrame(...layers: readonly (Layer | Buffer)[]): Buffer {
  let content: Buffer = Buffer.alloc(0);
  for (let i = layers.length - 1; i >= 0; i--) {
    const layer = layers[i] as Layer | Buffer;
    if (Buffer.isBuffer(layer)) {
      content = Buffer.concat([layer, content]);
      continue;
    }
    const next = layers[i + 1];
    const outside = layers.slice(0, i).findLast((other): other is Layer => !Buffer.isBuffer(other) && other.addresses !== undefined);
    content = layer.encode(content, Buffer.isBuffer(next) ? undefined : next, outside?.addresses ?? nothing);
  }
  return content;
}

/** A copy with `bytes` written over what stands at `offset`. */
export function patchFrame(frame: Buffer, offset: number, bytes: readonly number[]): Buffer {
  const copy = Buffer.from(frame);
  Buffer.from(bytes).copy(copy, offset);
  return copy;
}
