// Network adapters with their friendly names and addresses.
// May import platform/port, platform/shared/addresses and its siblings.
// Offsets are those of IP_ADAPTER_ADDRESSES and IP_ADAPTER_UNICAST_ADDRESS (iptypes.h, x64).

import { addressBytes, formatMac } from '../shared/addresses.js';
import type { AddressState, InterfaceAddress, InterfaceInfo } from '../port.js';
import { readAdapters } from './iphlpapi.js';
import { readSockaddr } from './sockaddr.js';

const OPERATIONAL = 1; // IfOperStatusUp
/** IP_DAD_STATE and IP_SUFFIX_ORIGIN. */
const DAD: Readonly<Record<number, AddressState>> = { 1: 'tentative', 2: 'duplicate', 3: 'deprecated' };
const SUFFIX_RANDOM = 5;
const NO_MAC = '00:00:00:00:00:00';

export function listInterfaces(): readonly InterfaceInfo[] {
  const { memory, base } = readAdapters();
  return decodeAdapters(memory, base);
}

/** `base`: the address that `memory` had when the system wrote into it. */
export function decodeAdapters(memory: Buffer, base: bigint): readonly InterfaceInfo[] {
  const follow = (at: number): number | undefined => {
    const pointer = memory.readBigUInt64LE(at);
    return pointer === 0n ? undefined : Number(pointer - base);
  };
  const found: InterfaceInfo[] = [];
  for (let at: number | undefined = memory.length === 0 ? undefined : 0; at !== undefined; at = follow(at + 0x08)) {
    const name = follow(at + 0x48);
    const addresses: InterfaceAddress[] = [];
    for (let one = follow(at + 0x18); one !== undefined; one = follow(one + 0x08)) {
      const sockaddr = follow(one + 0x10);
      const address = sockaddr === undefined ? undefined : readSockaddr(memory, sockaddr);
      if (address === undefined || !isGlobal(address)) continue;
      const state = DAD[memory.readUInt32LE(one + 0x28)] ?? (isTemporary(memory, one, address) ? 'temporary' : undefined);
      addresses.push({ address, prefixLength: memory.readUInt8(one + 0x38), ...(state === undefined ? {} : { state }) });
    }
    found.push({
      name: name === undefined ? '' : readWide(memory, name),
      index: memory.readUInt32LE(at + 0x04) || memory.readUInt32LE(at + 0x6c),
      mac: formatMac(memory.subarray(at + 0x50, at + 0x50 + memory.readUInt32LE(at + 0x58))) ?? NO_MAC,
      mtu: memory.readUInt32LE(at + 0x60),
      up: memory.readUInt32LE(at + 0x68) === OPERATIONAL,
      addresses: addresses.sort((a, b) => Number(a.address.includes(':')) - Number(b.address.includes(':'))),
    });
  }
  return found;
}

/** RFC 8981; of IPv4 a random suffix is a link-local address, which is none of ours. */
function isTemporary(memory: Buffer, at: number, address: string): boolean {
  return address.includes(':') && memory.readUInt32LE(at + 0x24) === SUFFIX_RANDOM;
}

/** Neither of this node alone nor of one link. */
function isGlobal(address: string): boolean {
  const bytes = addressBytes(address);
  if (bytes.length === 4) return bytes[0] !== 127 && !(bytes[0] === 169 && bytes[1] === 254);
  return !((bytes[0] as number) === 0xfe && ((bytes[1] as number) & 0xc0) === 0x80) && address !== '::1';
}

function readWide(memory: Buffer, at: number): string {
  let end = at;
  while (end + 1 < memory.length && memory.readUInt16LE(end) !== 0) end += 2;
  return memory.toString('utf16le', at, end);
}
