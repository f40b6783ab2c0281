// What a sound packet is: may a balancer forward this frame? Said anew from the RFCs, not taken from the product.
// Imports nothing. Checksums are the receiver's to check, except that over IPv6 there must be one.

const [HOP_BY_HOP, TCP, UDP, ROUTING, FRAGMENT, DESTINATION] = [0, 6, 17, 43, 44, 60];

/** RFC 768 and 9293; `segment` ends where the IP packet ends. `more`: it is a first fragment, and the datagram goes on in others. */
function isSoundTransport(protocol: number | undefined, segment: Buffer, family: 4 | 6, more: boolean): boolean {
  if (protocol === UDP) {
    const whole = segment.length >= 8 && segment.readUInt16BE(4) >= 8 && (more || segment.readUInt16BE(4) <= segment.length);
    return whole && (family === 4 || segment.readUInt16BE(6) !== 0);
  }
  const offset = ((segment[12] ?? 0) >> 4) * 4;
  return protocol === TCP && segment.length >= 20 && offset >= 20 && offset <= segment.length;
}

/** A later fragment has no transport header that could be wrong; whether its first one came is not to be seen here. */
const isLater = (protocol: number | undefined): boolean => protocol === TCP || protocol === UDP;

/** RFC 791. `options`: may the header have any. */
function isSoundIpv4(ip: Buffer, options: boolean): boolean {
  if (ip.length < 20 || (ip[0] as number) >> 4 !== 4) return false;
  const header = ((ip[0] as number) & 15) * 4;
  const length = ip.readUInt16BE(2);
  if (header < 20 || (header > 20 && !options) || length < header || length > ip.length) return false;
  if ((ip[8] as number) <= 1) return false;
  if (ip.readUInt16BE(6) & 0x1fff) return isLater(ip[9]);
  return isSoundTransport(ip[9], ip.subarray(header, length), 4, (ip.readUInt16BE(6) & 0x2000) !== 0);
}

/** RFC 8200. */
function isSoundIpv6(ip: Buffer): boolean {
  if (ip.length < 40 || (ip[0] as number) >> 4 !== 6 || (ip[7] as number) <= 1) return false;
  const end = 40 + ip.readUInt16BE(4);
  if (end > ip.length) return false;
  let [next, at] = [ip[6], 40];
  let more = false;
  while (next === HOP_BY_HOP || next === ROUTING || next === FRAGMENT || next === DESTINATION) {
    const length = next === FRAGMENT ? 8 : ((ip[at + 1] ?? 0) + 1) * 8;
    if (at + 8 > end || at + length > end) return false;
    if (next === HOP_BY_HOP && at > 40) return false;
    if (next === ROUTING && ip[at + 3] !== 0) return false; // segments left: it goes elsewhere first
    if (next === FRAGMENT && ip.readUInt16BE(at + 2) & 0xfff8) return !more;
    if (next === FRAGMENT && ip.readUInt16BE(at + 2) & 1) {
      if (more) return false;
      more = true;
    }
    next = ip[at];
    at += length;
  }
  return isSoundTransport(next, ip.subarray(at, end), 6, more);
}

/** `tagsAndOptions`: whether frames with one or two VLAN tags and IPv4 headers with options are forwarded. */
export function isSound(frame: Buffer, tagsAndOptions: boolean): boolean {
  let at = 12;
  const isTag = (type: number) => type === 0x8100 || type === 0x88a8;
  while (tagsAndOptions && at <= 16 && frame.length >= at + 6 && isTag(frame.readUInt16BE(at))) at += 4;
  const type = frame.readUInt16BE(at);
  if (type === 0x0800) return isSoundIpv4(frame.subarray(at + 2), tagsAndOptions);
  return type === 0x86dd && isSoundIpv6(frame.subarray(at + 2));
}
