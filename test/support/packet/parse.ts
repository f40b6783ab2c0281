// Decodes a frame into named fields as text, so that a failing test shows what differs field by field.
// Imports its siblings alone. Never throws: what cannot be decoded (cut short, unknown) comes out as hexadecimal bytes.
// Every checksum is computed anew and its field says whether it is right, in headers inside others and in what ICMP errors quote too.

import { addressText, macText } from './address.js';
import { ETHERTYPE, PROTOCOL, type Surroundings } from './build.js';
import { computeChecksum } from './checksum.js';
import { type Field, FieldList, hex } from './fields.js';
import { decodeTransport, type Segment } from './parse-transport.js';

const EXTENSION: Readonly<Record<number, string>> = {
  [PROTOCOL.hopByHop]: 'hopByHop',
  [PROTOCOL.routing]: 'routing',
  [PROTOCOL.destination]: 'destinationOptions',
};

function decodeByEthertype(list: FieldList, outer: string, type: number, data: Buffer, tags: number): void {
  list.add(`${outer}.type`, hex(type));
  if (type === ETHERTYPE.ipv4) decodeIpv4(list, '', 'ip', data);
  else if (type === ETHERTYPE.ipv6) decodeIpv6(list, '', 'ip', data);
  else if ((type === ETHERTYPE.vlan || type === ETHERTYPE.qinq) && data.length >= 4) {
    const name = Array<string>(tags + 1)
      .fill('vlan')
      .join('.');
    const tag = data.readUInt16BE(0);
    list.add(`${name}.priority`, tag >> 13);
    list.add(`${name}.dropEligible`, (tag >> 12) & 1);
    list.add(`${name}.id`, tag & 0xfff);
    decodeByEthertype(list, name, data.readUInt16BE(2), data.subarray(4), tags + 1);
  } else list.rest(`${outer}.payload`, data);
}

/** `prefix`: 'icmp.' for what an ICMP error quotes. `name`: of this header, 'ip.ip' for one inside another. */
function decodeIpv4(list: FieldList, prefix: string, name: string, data: Buffer): void {
  const headerLength = ((data[0] ?? 0) & 15) * 4;
  const field = `${prefix}${name}`;
  if (data.length < 20 || headerLength < 20 || data.length < headerLength) {
    list.rest(`${field}.cut`, data);
    return;
  }
  const totalLength = data.readUInt16BE(2);
  const flags = data.readUInt16BE(6);
  const ends = { source: data.subarray(12, 16), destination: data.subarray(16, 20) };
  list.add(`${field}.version`, data.readUInt8(0) >> 4);
  list.add(`${field}.headerLength`, headerLength);
  list.add(`${field}.tos`, hex(data.readUInt8(1), 2));
  list.add(`${field}.totalLength`, totalLength);
  list.add(`${field}.id`, hex(data.readUInt16BE(4)));
  list.add(`${field}.flags`, `${flags & 0x8000 ? 'reserved ' : ''}${flags & 0x4000 ? 'DF' : '-'}${flags & 0x2000 ? ' MF' : ''}`);
  list.add(`${field}.fragmentOffset`, flags & 0x1fff);
  list.add(`${field}.ttl`, data.readUInt8(8));
  list.add(`${field}.protocol`, data.readUInt8(9));
  const header = Buffer.from(data.subarray(0, headerLength));
  header.writeUInt16BE(0, 10);
  list.addChecksum(`${field}.checksum`, data.readUInt16BE(10), computeChecksum(header));
  list.add(`${field}.src`, addressText(ends.source));
  list.add(`${field}.dst`, addressText(ends.destination));
  list.rest(`${field}.options`, data.subarray(20, headerLength));
  const end = Math.min(Math.max(totalLength, headerLength), data.length);
  const first = flags & 0x2000 || totalLength > data.length ? 'head' : 'whole';
  const part = flags & 0x1fff ? 'later' : first;
  decodeContent(list, prefix, name, { protocol: data.readUInt8(9), data: data.subarray(headerLength, end), ends, part });
  list.rest(`${field}.after`, data.subarray(end));
}

function decodeIpv6(list: FieldList, prefix: string, name: string, data: Buffer): void {
  const field = `${prefix}${name}`;
  if (data.length < 40) {
    list.rest(`${field}.cut`, data);
    return;
  }
  const word = data.readUInt32BE(0);
  const end = 40 + data.readUInt16BE(4);
  const ends = { source: data.subarray(8, 24), destination: data.subarray(24, 40) };
  list.add(`${field}.version`, word >>> 28);
  list.add(`${field}.trafficClass`, hex((word >>> 20) & 0xff, 2));
  list.add(`${field}.flowLabel`, hex(word & 0xfffff, 5));
  list.add(`${field}.payloadLength`, data.readUInt16BE(4));
  list.add(`${field}.nextHeader`, data.readUInt8(6));
  list.add(`${field}.hopLimit`, data.readUInt8(7));
  list.add(`${field}.src`, addressText(ends.source));
  list.add(`${field}.dst`, addressText(ends.destination));
  const part = end > data.length ? 'head' : 'whole';
  decodeExtensions(list, prefix, name, { protocol: data.readUInt8(6), data: data.subarray(40, end), ends, part });
  list.rest(`${field}.after`, data.subarray(end));
}

/** Fields of the extension headers, then of what they lead to (RFC 8200, section 4). */
function decodeExtensions(list: FieldList, prefix: string, name: string, segment: Segment): void {
  const { protocol, data, ends, part } = segment;
  const kind = protocol === PROTOCOL.fragment ? 'fragment' : EXTENSION[protocol];
  const length = kind === 'fragment' ? 8 : ((data[1] ?? 0) + 1) * 8;
  if (kind === undefined || part === 'later' || data.length < length) {
    decodeContent(list, prefix, name, segment);
    return;
  }
  const field = `${prefix}${name}.${kind}`;
  const inner = { protocol: data.readUInt8(0), data: data.subarray(length), ends, part };
  list.add(`${field}.nextHeader`, inner.protocol);
  if (kind === 'fragment') {
    const bits = data.readUInt16BE(2);
    list.add(`${field}.reserved`, hex((data.readUInt8(1) << 2) | ((bits >> 1) & 3)));
    list.add(`${field}.offset`, bits >> 3);
    list.add(`${field}.more`, bits & 1);
    list.add(`${field}.id`, hex(data.readUInt32BE(4), 8));
    const first = bits & 1 ? 'head' : part;
    decodeExtensions(list, prefix, name, { ...inner, part: bits >> 3 ? 'later' : first });
    return;
  }
  list.add(`${field}.length`, length);
  list.add(`${field}.${kind === 'routing' ? 'data' : 'options'}`, data.subarray(2, length).toString('hex'));
  const routed = kind === 'routing' && data.readUInt8(3) > 0;
  decodeExtensions(list, prefix, name, { ...inner, ends: routed ? routeEnd(ends, data.subarray(0, length)) : ends });
}

/** The addresses of the pseudo header behind a routing header with segments left; undefined for a type whose list is not known here. */
function routeEnd(ends: Surroundings | undefined, header: Buffer): Surroundings | undefined {
  const type = header.readUInt8(2);
  if (ends === undefined || header.length < 24 || ![0, 2, 4].includes(type)) return undefined;
  return { source: ends.source, destination: type === 4 ? header.subarray(8, 24) : header.subarray(-16) };
}

function decodeContent(list: FieldList, prefix: string, name: string, segment: Segment): void {
  const { protocol, data, part } = segment;
  const quote = (quoted: Buffer) => decodeIp(list, `${prefix}icmp.`, 'ip', quoted);
  if (decodeTransport(list, prefix, segment, quote)) return;
  if (protocol === PROTOCOL.ipip && part !== 'later') decodeIpv4(list, prefix, `${name}.ip`, data);
  else if (protocol === PROTOCOL.ipv6 && part !== 'later') decodeIpv6(list, prefix, `${name}.ip`, data);
  else list.rest(`${prefix}${name}.payload`, data);
}

function decodeIp(list: FieldList, prefix: string, name: string, data: Buffer): void {
  const version = (data[0] ?? 0) >> 4;
  if (version === 4) decodeIpv4(list, prefix, name, data);
  else if (version === 6) decodeIpv6(list, prefix, name, data);
  else list.rest(`${prefix}payload`, data);
}

/** All fields of an Ethernet frame, in their order on the wire. */
export function decodeFrame(frame: Buffer): readonly Field[] {
  const list = new FieldList();
  if (frame.length < 14) list.rest('eth.cut', frame);
  else {
    list.add('eth.dst', macText(frame.subarray(0, 6)));
    list.add('eth.src', macText(frame.subarray(6, 12)));
    decodeByEthertype(list, 'eth', frame.readUInt16BE(12), frame.subarray(14), 0);
  }
  return list.fields;
}

/** The checksums of the frame, of every header in it, that are wrong: one line each. */
export function findWrongChecksums(frame: Buffer): readonly string[] {
  return decodeFrame(frame).flatMap(({ name, text, shouldBe }) =>
    shouldBe === undefined ? [] : [`${name} is ${text} and should be ${shouldBe}`],
  );
}
