// IP addresses of both families: strict text to bytes in network order and back, and what kind an address is.
// Imports nothing. Only this file knows how the text of an address looks.
// Invariant: formatAddress(addressBytes(text)) is the one canonical text of an address (RFC 5952 for IPv6).

export type Family = 4 | 6;

/**
 * What an address is for. 'unspecified' covers all of 0.0.0.0/8 (RFC 1122 §3.2.1.3), 'loopback' all of 127.0.0.0/8.
 * 'link-local' is IPv6's fe80::/10, which names a host only together with a device; IPv4's 169.254.0.0/16 counts as unicast, as it is used
 * for virtual addresses. 'mapped' is IPv4 in IPv6 form (::ffff:0:0/96), which is on no wire.
 */
export type AddressKind = 'unicast' | 'unspecified' | 'loopback' | 'multicast' | 'broadcast' | 'link-local' | 'mapped';

const [DOT, ZERO, NINE] = [0x2e, 0x30, 0x39];
const HEX_GROUP = /^[0-9a-fA-F]{1,4}$/;

/**
 * Bytes (network order, 4) of a dotted IPv4 address, or undefined: four decimal numbers, no leading zero, no other base.
 * Character by character, as dumps of a million flows come through here.
 */
export function parseAddress4(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(4);
  let part = 0;
  let digits = 0;
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === DOT) {
      if (digits === 0 || part === 3) return undefined;
      bytes[part++] = value;
      digits = value = 0;
      continue;
    }
    // A 0 is followed by no other digit.
    if (code < ZERO || code > NINE || (digits > 0 && value === 0)) return undefined;
    value = value * 10 + (code - ZERO);
    digits++;
    if (value > 255) return undefined;
  }
  if (digits === 0 || part !== 3) return undefined;
  bytes[3] = value;
  return bytes;
}

/** Bytes (network order, 16) of an IPv6 address in any form of RFC 4291 §2.2, or undefined. No zone, no brackets. */
export function parseAddress6(text: string): Uint8Array | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0] ?? '', halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1] ?? '', true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 16 - head.length - tail.length;
  // '::' stands for at least one group of zeros; without it all eight groups must be there.
  if (halves.length === 1 ? missing !== 0 : missing < 2) return undefined;
  return Uint8Array.from([...head, ...new Array<number>(missing).fill(0), ...tail]);
}

/** Bytes of colon-separated groups; the last one may be an IPv4 address when `atEnd`. */
function parseGroups(text: string, atEnd: boolean): number[] | undefined {
  if (text === '') return [];
  const bytes: number[] = [];
  const groups = text.split(':');
  for (const [index, group] of groups.entries()) {
    if (HEX_GROUP.test(group)) {
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 255);
      continue;
    }
    const embedded = atEnd && index === groups.length - 1 ? parseAddress4(group) : undefined;
    if (embedded === undefined) return undefined;
    bytes.push(...embedded);
  }
  return bytes;
}

/** Bytes in network order (4 or 16) of an address of either family, or undefined when the text is none. */
export function parseAddressBytes(text: string): Uint8Array | undefined {
  return text.includes(':') ? parseAddress6(text) : parseAddress4(text);
}

/** Bytes in network order of an address that is known to be valid. Throws TypeError otherwise: that is a defect of the caller. */
export function addressBytes(address: string): Uint8Array {
  const bytes = parseAddressBytes(address);
  if (bytes === undefined) throw new TypeError(`not an address: ${address}`);
  return bytes;
}

/** Canonical text of 4 or 16 bytes in network order. */
export function formatAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`;
  if (bytes.length !== 16) throw new TypeError(`an address has 4 or 16 bytes, not ${bytes.length}`);
  return formatAddress6(bytes);
}

/** RFC 5952: lower case, no leading zeros, the longest run of two or more zero groups (the first of equals) as '::'. */
function formatAddress6(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0));
  // §5: an IPv4-mapped address (::ffff:0:0/96) is written with its IPv4 part.
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) return `::ffff:${formatAddress(bytes.subarray(12))}`;
  let start = -1;
  let length = 1;
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && groups[end] === 0) end++;
    if (end - i > length) [start, length] = [i, end - i];
    i = Math.max(i, end);
  }
  const text = (part: number[]): string => part.map((group) => group.toString(16)).join(':');
  return start < 0 ? text(groups) : `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`;
}

/** Family of a canonical address. */
export function familyOf(address: string): Family {
  return address.includes(':') ? 6 : 4;
}

/** What a valid address is for. */
export function classifyAddress(address: string): AddressKind {
  const bytes = addressBytes(address);
  if (bytes.length === 4) return classify4(bytes);
  if (bytes[0] === 0xff) return 'multicast';
  const zeros = bytes.findIndex((byte) => byte !== 0);
  if (zeros === -1) return 'unspecified';
  if (zeros === 15 && bytes[15] === 1) return 'loopback';
  if (zeros === 10 && bytes[10] === 0xff && bytes[11] === 0xff) return 'mapped';
  return bytes[0] === 0xfe && ((bytes[1] ?? 0) & 0xc0) === 0x80 ? 'link-local' : 'unicast';
}

function classify4(bytes: Uint8Array): AddressKind {
  const first = bytes[0] ?? 0;
  if (first === 0) return 'unspecified';
  if (first === 127) return 'loopback';
  if (first >= 224 && first <= 239) return 'multicast';
  return bytes.every((byte) => byte === 255) ? 'broadcast' : 'unicast';
}
