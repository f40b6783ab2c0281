// IP and MAC addresses between bytes (network byte order) and canonical text, for every adapter.
// May import node:net and agent/model/errors.
// Invariant: text is canonical (RFC 5952 for IPv6), so two texts are equal exactly when the addresses are.

import { isIP, SocketAddress } from 'node:net';
import { FairleadError } from '../../agent/model/errors.js';

/** 4 or 16 bytes, network byte order. Throws FL_E_VALUE when the text is no IP address. */
export function addressBytes(text: string): Buffer {
  const version = isIP(text);
  if (version === 4) return Buffer.from(text.split('.').map(Number));
  if (version === 6 && !text.includes('%')) return parseIpv6(text);
  throw new FairleadError('FL_E_VALUE', `'${text}' is not an IP address`, { hint: 'write it like 20.1.1.10 or 2001:db8::1' });
}

/** Takes text that node:net has found to be IPv6, without a zone. */
function parseIpv6(text: string): Buffer {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  const hexPair = (high: string | undefined, low: string | undefined): string => (Number(high) * 256 + Number(low)).toString(16);
  const whole = dotted === null ? text : `${dotted[1]}${hexPair(dotted[2], dotted[3])}:${hexPair(dotted[4], dotted[5])}`;
  const [head = '', tail] = whole.split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups = [...front, ...Array<string>(8 - front.length - back.length).fill('0'), ...back];
  const bytes = Buffer.alloc(16);
  groups.forEach((group, index) => {
    bytes.writeUInt16BE(Number.parseInt(group, 16), 2 * index);
  });
  return bytes;
}

/** Canonical text of 4 or 16 bytes. */
export function formatAddress(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16));
  const text = new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
  // It writes ::1:2 as ::0.1.0.2, the deprecated "IPv4-compatible" form; RFC 5952 §5 leaves dots to known prefixes (::ffff:0:0/96).
  return /^::\d+\./.test(text) ? `::${groups[6]}:${groups[7]}` : text;
}

/** 'aa:bb:cc:dd:ee:ff', or undefined when these are not 6 bytes. */
export function formatMac(bytes: Buffer | undefined): string | undefined {
  return bytes?.length === 6 ? Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':') : undefined;
}
