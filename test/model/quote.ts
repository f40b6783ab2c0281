// The packet that an ICMP error quotes: as much of one as its sender saw fit, so that its lengths say nothing about what is there.
// Imports headers.ts and the state's types.
// Invariant: nothing is read behind the end of the message.

import { type Headers, walkExtensions } from './headers.js';
import { type Family, TCP, type Tuple, UDP } from './state.js';

/** A quote with a whole IP header and the ports behind it. Offsets in the frame. */
export interface Quote {
  readonly ip: number;
  readonly transport: number;
  /** As quoted: from the quoted packet's sender to its receiver. */
  readonly tuple: Tuple;
}

const HEADER = { 4: 20, 6: 40 } as const;
const PORTS_AND_MORE = 8;
const MESSAGE = 8;
/** The types of errors. */
const ERRORS = { 4: [3, 11, 12], 6: [1, 2, 3, 4] };
/** No extension header of a quote is read that begins further back in a frame. */
const FURTHEST = 574;
/** Protocol numbers that say that an IP packet of the same family is inside. */
const WRAPPED = { 4: 4, 6: 41 } as const;

/** Is the ICMP message, which has its 8 bytes, an error? */
export const isError = (frame: Buffer, { family, transport }: Headers): boolean => ERRORS[family].includes(frame.readUInt8(transport));

/** Where an error's quote begins. */
export const quotedAt = ({ transport }: Headers): number => transport + MESSAGE;

/** Is what stands there the outer header of a packet that this node has wrapped, or one like it? */
export function isWrapping(frame: Buffer, { family, end }: Headers, ip: number): boolean {
  if (end < ip + HEADER[family]) return false;
  return family === 4
    ? frame.readUInt8(ip) === 0x45 && frame.readUInt8(ip + 9) === WRAPPED[4]
    : frame.readUInt8(ip) >> 4 === 6 && frame.readUInt8(ip + 6) === WRAPPED[6];
}

/** Behind an outer header at `ip`. */
export const unwrappedAt = (family: Family, ip: number): number => ip + HEADER[family];

/** The address that a quoted header says to come from; it must be whole. */
export const quotedSource = (frame: Buffer, family: Family, ip: number): string =>
  family === 4 ? frame.toString('hex', ip + 12, ip + 16) : frame.toString('hex', ip + 8, ip + 24);

/** Undefined: what is quoted does not lead to ports. */
export function readQuote(frame: Buffer, { family, end }: Headers, ip: number): Quote | undefined {
  if (end < ip + HEADER[family] || frame.readUInt8(ip) >> 4 !== family) return undefined;
  const upper = family === 4 ? readUpper4(frame, ip) : walkExtensions(frame, ip, end, FURTHEST);
  if (upper === undefined || typeof upper === 'string' || upper.fragment !== undefined) return undefined;
  const { transport, protocol } = upper;
  if ((protocol !== TCP && protocol !== UDP) || end < transport + PORTS_AND_MORE) return undefined;
  const [source, size] = family === 4 ? [ip + 12, 4] : [ip + 8, 16];
  const tuple = {
    saddr: frame.toString('hex', source, source + size),
    daddr: frame.toString('hex', source + size, source + 2 * size),
    sport: frame.readUInt16BE(transport),
    dport: frame.readUInt16BE(transport + 2),
    protocol,
  };
  return { ip, transport, tuple };
}

/** A first fragment has the ports, a later one has not. */
function readUpper4(frame: Buffer, ip: number) {
  const header = (frame.readUInt8(ip) & 15) * 4;
  if (header < HEADER[4] || (frame.readUInt16BE(ip + 6) & 0x1fff) !== 0) return undefined;
  return { transport: ip + header, protocol: frame.readUInt8(ip + 9), fragment: undefined };
}
