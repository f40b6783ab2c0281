// Decodes a frame into named fields as text, so that a failing test shows what differs field by field.
// Imports its siblings alone. Never throws: what cannot be decoded (cut short, unknown) comes out as hexadecimal bytes.
// Every checksum is computed anew and its field says whether it is right.

import { addressText, macText } from './address.js';
import { ETHERTYPE, PROTOCOL, TCP_FLAG } from './build.js';
import { computeChecksum, computeTransportChecksum } from './checksum.js';

export interface Field {
  /** 'ip.ttl'; the inner header of IPIP is 'ip.ip'. */
  readonly name: string;
  readonly text: string;
  /** Set on a checksum that is wrong: what it should be. */
  readonly shouldBe?: string;
}

const hex = (value: number, digits = 4) => `0x${value.toString(16).padStart(digits, '0')}`;

class Decoder {
  readonly fields: Field[] = [];

  add(name: string, value: string | number): void {
    this.fields.push({ name, text: String(value) });
  }

  addChecksum(name: string, found: number, right: number): void {
    this.fields.push(found === right ? { name, text: hex(found) } : { name, text: hex(found), shouldBe: hex(right) });
  }

  rest(name: string, data: Buffer): void {
    if (data.length > 0) this.add(`${name} (${data.length} bytes)`, data.toString('hex'));
  }

  ethernet(data: Buffer): void {
    if (data.length < 14) {
      this.rest('eth.cut', data);
      return;
    }
    this.add('eth.dst', macText(data.subarray(0, 6)));
    this.add('eth.src', macText(data.subarray(6, 12)));
    this.byEthertype('eth', data.readUInt16BE(12), data.subarray(14));
  }

  byEthertype(prefix: string, type: number, data: Buffer): void {
    this.add(`${prefix}.type`, hex(type));
    if (type === ETHERTYPE.ipv4) {
      this.ipv4('ip', data);
      return;
    }
    if (type === ETHERTYPE.ipv6) {
      this.ipv6('ip', data);
      return;
    }
    if ((type === ETHERTYPE.vlan || type === ETHERTYPE.qinq) && data.length >= 4) {
      this.add('vlan.tag', hex(data.readUInt16BE(0)));
      this.byEthertype('vlan', data.readUInt16BE(2), data.subarray(4));
      return;
    }
    this.rest('eth.payload', data);
  }

  ipv4(name: string, data: Buffer): void {
    const headerLength = ((data[0] ?? 0) & 15) * 4;
    if (data.length < 20 || headerLength < 20 || data.length < headerLength) {
      this.rest(`${name}.cut`, data);
      return;
    }
    const totalLength = data.readUInt16BE(2);
    const flags = data.readUInt16BE(6);
    const protocol = data.readUInt8(9);
    const [source, destination] = [data.subarray(12, 16), data.subarray(16, 20)];
    this.add(`${name}.version`, data.readUInt8(0) >> 4);
    this.add(`${name}.headerLength`, headerLength);
    this.add(`${name}.tos`, hex(data.readUInt8(1), 2));
    this.add(`${name}.totalLength`, totalLength);
    this.add(`${name}.id`, hex(data.readUInt16BE(4)));
    this.add(`${name}.flags`, `${flags & 0x4000 ? 'DF' : '-'}${flags & 0x2000 ? ' MF' : ''} offset ${flags & 0x1fff}`);
    this.add(`${name}.ttl`, data.readUInt8(8));
    this.add(`${name}.protocol`, protocol);
    const header = Buffer.from(data.subarray(0, headerLength));
    header.writeUInt16BE(0, 10);
    this.addChecksum(`${name}.checksum`, data.readUInt16BE(10), computeChecksum(header));
    this.add(`${name}.src`, addressText(source));
    this.add(`${name}.dst`, addressText(destination));
    this.rest(`${name}.options`, data.subarray(20, headerLength));
    const end = Math.min(Math.max(totalLength, headerLength), data.length);
    const whole = totalLength <= data.length && (flags & 0x3fff) === 0;
    this.byProtocol(name, protocol, source, destination, data.subarray(headerLength, end), whole);
    this.rest(`${name}.after`, data.subarray(end));
  }

  ipv6(name: string, data: Buffer): void {
    if (data.length < 40) {
      this.rest(`${name}.cut`, data);
      return;
    }
    const payloadLength = data.readUInt16BE(4);
    const [source, destination] = [data.subarray(8, 24), data.subarray(24, 40)];
    this.add(`${name}.versionClassLabel`, hex(data.readUInt32BE(0), 8));
    this.add(`${name}.payloadLength`, payloadLength);
    this.add(`${name}.nextHeader`, data.readUInt8(6));
    this.add(`${name}.hopLimit`, data.readUInt8(7));
    this.add(`${name}.src`, addressText(source));
    this.add(`${name}.dst`, addressText(destination));
    const end = Math.min(40 + payloadLength, data.length);
    this.byProtocol(name, data.readUInt8(6), source, destination, data.subarray(40, end), 40 + payloadLength <= data.length);
    this.rest(`${name}.after`, data.subarray(end));
  }

  byProtocol(name: string, protocol: number, source: Buffer, destination: Buffer, data: Buffer, whole: boolean): void {
    const sum = (at: number) => {
      const copy = Buffer.from(data);
      copy.writeUInt16BE(0, at);
      return protocol === PROTOCOL.icmp ? computeChecksum(copy) : computeTransportChecksum(source, destination, protocol, copy);
    };
    if (protocol === PROTOCOL.tcp && whole && data.length >= 20) {
      this.tcp(data, sum(16));
      return;
    }
    if (protocol === PROTOCOL.udp && whole && data.length >= 8) {
      this.udp(data, sum(6) || 0xffff);
      return;
    }
    if (protocol === PROTOCOL.icmp && whole && data.length >= 8) {
      this.add('icmp.type', `${data.readUInt8(0)}/${data.readUInt8(1)}`);
      this.addChecksum('icmp.checksum', data.readUInt16BE(2), sum(2));
      this.rest('icmp.payload', data.subarray(4));
      return;
    }
    if (protocol === PROTOCOL.ipip) {
      this.ipv4(`${name}.ip`, data);
      return;
    }
    if (protocol === PROTOCOL.ipv6) {
      this.ipv6(`${name}.ip`, data);
      return;
    }
    this.rest(`${name}.payload`, data);
  }

  tcp(data: Buffer, rightChecksum: number): void {
    const flags = data.readUInt8(13);
    const names = Object.entries(TCP_FLAG).filter(([, bit]) => flags & bit);
    this.add('tcp.src', data.readUInt16BE(0));
    this.add('tcp.dst', data.readUInt16BE(2));
    this.add('tcp.seq', data.readUInt32BE(4));
    this.add('tcp.ack', data.readUInt32BE(8));
    this.add('tcp.offset', hex(data.readUInt8(12), 2));
    this.add('tcp.flags', names.map(([name]) => name).join(' '));
    this.add('tcp.window', data.readUInt16BE(14));
    this.addChecksum('tcp.checksum', data.readUInt16BE(16), rightChecksum);
    this.add('tcp.urgent', data.readUInt16BE(18));
    this.rest('tcp.payload', data.subarray(20));
  }

  udp(data: Buffer, rightChecksum: number): void {
    const checksum = data.readUInt16BE(6);
    this.add('udp.src', data.readUInt16BE(0));
    this.add('udp.dst', data.readUInt16BE(2));
    this.add('udp.length', data.readUInt16BE(4));
    if (checksum === 0) this.add('udp.checksum', 'none');
    else this.addChecksum('udp.checksum', checksum, rightChecksum);
    this.rest('udp.payload', data.subarray(8));
  }
}

/** All fields of an Ethernet frame, in their order on the wire. */
export function decodeFrame(frame: Buffer): readonly Field[] {
  const decoder = new Decoder();
  decoder.ethernet(frame);
  return decoder.fields;
}

/** The checksums of the frame, of every header in it, that are wrong: one line each. */
export function findWrongChecksums(frame: Buffer): readonly string[] {
  return decodeFrame(frame).flatMap(({ name, text, shouldBe }) =>
    shouldBe === undefined ? [] : [`${name} is ${text} and should be ${shouldBe}`],
  );
}
