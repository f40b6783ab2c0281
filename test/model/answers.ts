// "What the program answers itself": frames made out of the one that calls for them, and how many a second.
// Imports its siblings. Nothing here changes the frame that it is given.

import type { Draft } from './draft.js';
import type { Headers } from './headers.js';
import { type Family, TCP } from './state.js';
import { changeHeader, changeMessage, headerSum, messageSum, transportSum } from './sums.js';

const ICMP = { 4: 1, 6: 58 } as const;
const ECHO = { 4: { request: 8, reply: 0 }, 6: { request: 128, reply: 129 } } as const;
const HEADER = { 4: 20, 6: 40 } as const;
/** How much of a packet an error quotes. */
const QUOTED = { 4: 548, 6: 1232 } as const;

export const isIcmp = ({ family, tuple }: Headers): boolean => tuple.protocol === ICMP[family];

/** The address of one host. */
export function isHost(family: Family, address: string): boolean {
  const first = Number.parseInt(address.slice(0, 2), 16);
  return family === 4 ? first !== 0 && first !== 127 && first < 224 : first !== 0xff && !/^0*$/.test(address);
}

/** From one host to this one alone? */
export const isFromHost = (frame: Buffer, { family, tuple }: Headers): boolean =>
  (frame.readUInt8(0) & 1) === 0 && isHost(family, tuple.saddr);

/** May this CPU answer once more in this second? */
export function countAnswer(draft: Draft): boolean {
  const { answerRate = 0, ticksPerSecond } = draft.settings;
  const over = (draft.now - draft.answers.began) >>> 0 >= ticksPerSecond;
  const { began, count } = over ? { began: draft.now, count: 0 } : draft.answers;
  const allowed = count < answerRate;
  draft.answers = { began, count: allowed ? count + 1 : count };
  return allowed;
}

/** The frame's link header, turned round. */
function linkBack(frame: Buffer, ip: number): Buffer {
  return Buffer.concat([frame.subarray(6, 12), frame.subarray(0, 6), frame.subarray(12, ip)]);
}

/** An IP header from the packet's destination to its source. */
function ipBack({ family, tuple }: Headers, protocol: number, tos: number, payload: number): Buffer {
  const ip = Buffer.alloc(HEADER[family]);
  const [lengthAt, protocolAt, hopsAt, addressesAt] = family === 4 ? ([2, 9, 8, 12] as const) : ([4, 6, 7, 8] as const);
  if (family === 4) {
    ip.writeUInt8(0x45, 0);
    ip.writeUInt8(tos, 1);
    ip.writeUInt16BE(0x4000, 6);
  } else ip.writeUInt32BE(0x60000000 + tos * 0x100000, 0);
  ip.writeUInt16BE(family === 4 ? payload + 20 : payload, lengthAt);
  ip.writeUInt8(64, hopsAt);
  ip.writeUInt8(protocol, protocolAt);
  ip.write(tuple.daddr + tuple.saddr, addressesAt, 'hex');
  if (family === 4) ip.writeUInt16BE((0xffff - headerSum(ip, 0)) % 0xffff, 10);
  return ip;
}

/** Puts the right checksum into a packet made here, where its transport header begins behind a plain IP header. */
function finish(frame: Buffer, { family, ip }: Headers, protocol: number): Buffer {
  const transport = ip + HEADER[family];
  const at = transport + (protocol === TCP ? 16 : 2);
  const made = { family, ip, transport, end: frame.length, tuple: { protocol } } as Headers;
  frame.writeUInt16BE((0xffff - (protocol === TCP ? transportSum(frame, made) : messageSum(frame, made))) % 0xffff, at);
  return frame;
}

/** An ICMP error about the packet, `rest` being the four bytes behind its checksum. */
export function answerError(frame: Buffer, headers: Headers, type: number, code: number, rest: number): Buffer {
  const { family, ip, end } = headers;
  const quote = frame.subarray(ip, Math.min(end, ip + QUOTED[family]));
  const message = Buffer.alloc(8);
  message.writeUInt8(type, 0);
  message.writeUInt8(code, 1);
  message.writeUInt32BE(rest, 4);
  const header = ipBack(headers, ICMP[family], 0xc0, 8 + quote.length);
  return finish(Buffer.concat([linkBack(frame, ip), header, message, quote]), headers, ICMP[family]);
}

/** The packet would fit if it were of `mtu` bytes. */
export const answerTooBig = (frame: Buffer, headers: Headers, mtu: number): Buffer =>
  headers.family === 4 ? answerError(frame, headers, 3, 4, mtu) : answerError(frame, headers, 2, 0, mtu);

export const answerUnreachable = (frame: Buffer, headers: Headers): Buffer =>
  headers.family === 4 ? answerError(frame, headers, 3, 3, 0) : answerError(frame, headers, 1, 4, 0);

/** A segment of headers alone. `numbers`: sequence and acknowledgment. */
export function answerSegment(frame: Buffer, headers: Headers, [seq, ack]: readonly [number, number], flags: number): Buffer {
  const segment = Buffer.alloc(20);
  segment.writeUInt16BE(headers.tuple.dport, 0);
  segment.writeUInt16BE(headers.tuple.sport, 2);
  segment.writeUInt32BE(seq, 4);
  segment.writeUInt32BE(ack, 8);
  segment.writeUInt8(0x50, 12);
  segment.writeUInt8(flags, 13);
  return finish(Buffer.concat([linkBack(frame, headers.ip), ipBack(headers, TCP, 0, 20), segment]), headers, TCP);
}

/** Where the acknowledgment number stands in such an answer. */
export const answeredAckAt = ({ family, ip }: Headers): number => ip + HEADER[family] + 8;

/** RFC 9293, section 3.10.7.1. A reset has no answer. */
export function answerReset(frame: Buffer, headers: Headers): Buffer | undefined {
  const { tcpFlags, transport, end } = headers;
  if (tcpFlags & 4) return undefined;
  if (tcpFlags & 0x10) return answerSegment(frame, headers, [frame.readUInt32BE(transport + 8), 0], 4);
  const data = end - transport - (frame.readUInt8(transport + 12) >> 4) * 4;
  const length = data + (tcpFlags & 2 ? 1 : 0) + (tcpFlags & 1);
  return answerSegment(frame, headers, [0, (frame.readUInt32BE(transport + 4) + length) >>> 0], 0x14);
}

export function isEchoRequest(frame: Buffer, { family, transport }: Headers): boolean {
  return frame.readUInt8(transport) === ECHO[family].request && frame.readUInt8(transport + 1) === 0;
}

export const isPlain = ({ family, ip, transport }: Headers): boolean => transport - ip === HEADER[family];

/** The echo request as its own answer. */
export function answerEcho(frame: Buffer, headers: Headers): Buffer {
  const { family, ip, transport, tuple } = headers;
  const out = Buffer.concat([linkBack(frame, ip), frame.subarray(ip)]);
  changeMessage(out, headers, () => out.writeUInt8(ECHO[family].reply, transport));
  out.write(tuple.daddr + tuple.saddr, ip + (family === 4 ? 12 : 8), 'hex');
  changeHeader(out, family, ip, () => out.writeUInt8(64, ip + (family === 4 ? 8 : 7)));
  return out;
}
