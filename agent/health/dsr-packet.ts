// The packets of a check by way of DSR: a SYN to the virtual address, the reset that takes it back, and what an answer says.
// Imports agent/model. Pure.
// Invariant: what is built is whole and has right checksums (RFC 791, 8200, 9293); what is read may be anything.

import { addressBytes, formatAddress } from '../model/address.js';

const TCP = 6;
const TTL = 64;
const DONT_FRAGMENT = 0x4000;
export const FLAGS = { syn: 0x02, reset: 0x04, ack: 0x10 } as const;
/** Maximum segment size: of a connection that will not be. */
const MSS_OPTION = Buffer.from([2, 4, 0x02, 0x18]);
const WINDOW = 1024;

export interface Segment {
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly flags: number;
}

export interface Heard extends Segment {
  readonly acknowledged: number;
}

/** An IP packet with a TCP header and no data; both addresses of one family. */
export function buildSegment({ source, sourcePort, destination, destinationPort, sequence, flags }: Segment): Buffer {
  const options = flags === FLAGS.syn ? MSS_OPTION : Buffer.alloc(0);
  const tcp = Buffer.alloc(20 + options.length);
  tcp.writeUInt16BE(sourcePort, 0);
  tcp.writeUInt16BE(destinationPort, 2);
  tcp.writeUInt32BE(sequence >>> 0, 4);
  tcp.writeUInt8((tcp.length / 4) << 4, 12);
  tcp.writeUInt8(flags, 13);
  tcp.writeUInt16BE(WINDOW, 14);
  options.copy(tcp, 20);
  const [from, to] = [Buffer.from(addressBytes(source)), Buffer.from(addressBytes(destination))];
  const pseudo = Buffer.alloc(4);
  pseudo.writeUInt16BE(TCP, 0);
  pseudo.writeUInt16BE(tcp.length, 2);
  tcp.writeUInt16BE(checksum(Buffer.concat([from, to, pseudo, tcp])), 16);
  return Buffer.concat([from.length === 4 ? headerOf4(from, to, tcp.length) : headerOf6(from, to, tcp.length), tcp]);
}

function headerOf4(from: Buffer, to: Buffer, length: number): Buffer {
  const header = Buffer.alloc(20);
  header.writeUInt8(0x45, 0);
  header.writeUInt16BE(20 + length, 2);
  header.writeUInt16BE(DONT_FRAGMENT, 6);
  header.writeUInt8(TTL, 8);
  header.writeUInt8(TCP, 9);
  from.copy(header, 12);
  to.copy(header, 16);
  header.writeUInt16BE(checksum(header), 10);
  return header;
}

function headerOf6(from: Buffer, to: Buffer, length: number): Buffer {
  const header = Buffer.alloc(40);
  header.writeUInt8(0x60, 0);
  header.writeUInt16BE(length, 4);
  header.writeUInt8(TCP, 6);
  header.writeUInt8(TTL, 7);
  from.copy(header, 8);
  to.copy(header, 24);
  return header;
}

/** The TCP segment in an IP packet; undefined: there is none that can be read. */
export function readSegment(packet: Buffer): Heard | undefined {
  const version = (packet[0] ?? 0) >> 4;
  if (version !== 4 && version !== 6) return undefined;
  const [at, protocol, first, size] = version === 4 ? [((packet[0] ?? 0) & 15) * 4, 9, 12, 4] : [40, 6, 8, 16];
  if (packet.length < at + 20 || at < 20 || packet[protocol] !== TCP) return undefined;
  const addressAt = (from: number) => formatAddress(packet.subarray(from, from + size));
  return {
    source: addressAt(first),
    destination: addressAt(first + size),
    sourcePort: packet.readUInt16BE(at),
    destinationPort: packet.readUInt16BE(at + 2),
    sequence: packet.readUInt32BE(at + 4),
    acknowledged: packet.readUInt32BE(at + 8),
    flags: packet.readUInt8(at + 13),
  };
}

/** Of the Internet: the one's complement of the sum of all 16-bit words (RFC 1071). */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at + 1 < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  if (bytes.length % 2 === 1) sum += (bytes[bytes.length - 1] ?? 0) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
