// The ways out of docs/packet-walk.md: the frame that leaves, made from the one that came in.
// Imports its siblings. Nothing here changes the frame that it is given.

import { flowLabel } from './hash.js';
import type { Headers } from './headers.js';
import type { Quote } from './quote.js';
import type { Backend, Family, Link } from './state.js';
import { changeHeader, changeMessage, changeTransport, checksumAt, headerSum } from './sums.js';

export interface Ends {
  readonly source: string;
  readonly destination: string;
  readonly sport: number;
  readonly dport: number;
}

function setMacs(frame: Buffer, destination: string, source: string): void {
  frame.write(destination, 0, 'hex');
  frame.write(source, 6, 'hex');
}

function decrementHops(frame: Buffer, family: Family, ip: number): void {
  const at = ip + (family === 4 ? 8 : 7);
  changeHeader(frame, family, ip, () => frame.writeUInt8(frame.readUInt8(at) - 1, at));
}

/** With other addresses and ports, hops less one. The MAC addresses are the caller's. */
function translate(frame: Buffer, headers: Headers, ends: Ends): Buffer {
  const out = Buffer.from(frame);
  const { family, ip, transport } = headers;
  decrementHops(out, family, ip);
  const changeAddresses = () =>
    changeHeader(out, family, ip, () => {
      const at = out.write(ends.source, ip + (family === 4 ? 12 : 8), 'hex') + ip + (family === 4 ? 12 : 8);
      out.write(ends.destination, at, 'hex');
    });
  if (headers.fragment?.offset) {
    changeAddresses(); // ports and checksum stand in the first fragment
    return out;
  }
  changeTransport(out, headers, () => {
    changeAddresses();
    out.writeUInt16BE(ends.sport, transport);
    out.writeUInt16BE(ends.dport, transport + 2);
  });
  return out;
}

export function snatRequest(frame: Buffer, headers: Headers, backend: Backend, source: string, snatPort: number): Buffer {
  const ends = { source, destination: backend.address, sport: snatPort, dport: backend.port || headers.tuple.dport };
  return toBackend(translate(frame, headers, ends), backend);
}

export const snatReply = translate;

/** The frame on the client's own link. `ownMac`: of the device that it leaves by. */
export function relink(frame: Buffer, headers: Headers, ownMac: string, link: Link): Buffer {
  const out = Buffer.from(frame);
  setMacs(out, link.mac, ownMac);
  const same = link.tags === headers.tags && link.serviceTag === headers.serviceTag;
  if (same && link.vlan[0] === headers.vlan[0] && link.vlan[1] === headers.vlan[1]) return out;
  const tags = Buffer.alloc(4 * link.tags);
  for (let i = 0; i < link.tags; i++) {
    tags.writeUInt16BE(i === 0 && link.serviceTag ? 0x88a8 : 0x8100, 4 * i);
    tags.writeUInt16BE(link.vlan[i] as number, 4 * i + 2);
  }
  return Buffer.concat([out.subarray(0, 12), tags, out.subarray(headers.ip - 2)]);
}

/**
 * An ICMP error as the one gets it who has sent the quoted packet between these ends; from `outerSource`, or, where that is undefined, from whom
 * it comes. The MAC addresses are the caller's.
 */
export function translateError(frame: Buffer, headers: Headers, quote: Quote, ends: Ends, outerSource: string | undefined): Buffer {
  const out = Buffer.from(frame);
  const { family, ip, end } = headers;
  const addresses = family === 4 ? 12 : 8;
  const size = family === 4 ? 4 : 16;
  const setAddresses = (at: number, source: string | undefined, destination: string) =>
    changeHeader(out, family, at, () => {
      if (source !== undefined) out.write(source, at + addresses, 'hex');
      out.write(destination, at + addresses + size, 'hex');
    });
  const changeQuoted = () => {
    setAddresses(quote.ip, ends.source, ends.destination);
    out.writeUInt16BE(ends.sport, quote.transport);
    out.writeUInt16BE(ends.dport, quote.transport + 2);
  };
  const quoted = { ...headers, ip: quote.ip, transport: quote.transport, tuple: quote.tuple };
  changeMessage(out, headers, () => {
    if (checksumAt(quoted) + 2 <= end) changeTransport(out, quoted, changeQuoted);
    else changeQuoted();
    setAddresses(ip, outerSource, ends.source);
  });
  decrementHops(out, family, ip);
  return out;
}

export function toBackend(frame: Buffer, backend: Backend): Buffer {
  const out = Buffer.from(frame);
  setMacs(out, backend.dstMac, backend.srcMac);
  return out;
}

export function dsrL2(frame: Buffer, { family, ip }: Headers, backend: Backend): Buffer {
  const out = Buffer.from(frame);
  decrementHops(out, family, ip);
  setMacs(out, backend.dstMac, backend.srcMac);
  return out;
}

export const outerBytes = (family: Family): number => (family === 4 ? 20 : 40);

/** `outer`: the family of the backend, which the outer header is of. */
export function dsrIpip(frame: Buffer, headers: Headers, backend: Backend, outer: Family = headers.family): Buffer {
  const { ip, end } = headers;
  const inner = dsrL2(frame, headers, backend);
  const type = Buffer.from(outer === 4 ? '0800' : '86dd', 'hex');
  const header = outer === 4 ? outer4(inner, ip, end - ip, backend) : outer6(inner, headers, backend);
  return Buffer.concat([inner.subarray(0, ip - 2), type, header, inner.subarray(ip)]);
}

function outer4(inner: Buffer, ip: number, length: number, backend: Backend): Buffer {
  const outer = Buffer.alloc(20);
  outer.writeUInt8(0x45, 0);
  outer.writeUInt8(inner.readUInt8(ip + 1), 1);
  outer.writeUInt16BE(length + 20, 2);
  outer.writeUInt16BE(inner.readUInt16BE(ip + 6) & 0x4000, 6);
  outer.writeUInt8(64, 8);
  outer.writeUInt8(4, 9);
  outer.write(backend.source, 12, 'hex');
  outer.write(backend.address, 16, 'hex');
  outer.writeUInt16BE(0xffff - headerSum(outer, 0), 10);
  return outer;
}

function outer6(inner: Buffer, { family, ip, end, tuple }: Headers, backend: Backend): Buffer {
  const outer = Buffer.alloc(40);
  const trafficClass = family === 4 ? inner.readUInt8(ip + 1) : (inner.readUInt16BE(ip) >> 4) & 0xff;
  outer.writeUInt32BE(0x60000000 + trafficClass * 0x100000 + flowLabel(tuple), 0);
  outer.writeUInt16BE(end - ip, 4);
  outer.writeUInt8(family === 4 ? 4 : 41, 6);
  outer.writeUInt8(64, 7);
  outer.write(backend.source, 8, 'hex');
  outer.write(backend.address, 24, 'hex');
  return outer;
}
