// Socket addresses of Windows (SOCKADDR_INET, ws2ipdef.h) and addresses as text.
// May import platform/shared/addresses and its siblings.

import { addressBytes, formatAddress } from '../shared/addresses.js';
import { AF_INET, AF_INET6, SOCKADDR_BYTES } from './iphlpapi.js';

/** The address at byte `at`; undefined: of neither family. */
export function readSockaddr(memory: Buffer, at: number): string | undefined {
  const family = memory.readUInt16LE(at);
  if (family === AF_INET) return formatAddress(memory.subarray(at + 4, at + 8));
  if (family === AF_INET6) return formatAddress(memory.subarray(at + 8, at + 24));
  return undefined;
}

/** Throws FL_E_VALUE when the text is no address. */
export function makeSockaddr(address: string): Buffer {
  const bytes = addressBytes(address);
  const made = Buffer.alloc(SOCKADDR_BYTES);
  made.writeUInt16LE(bytes.length === 4 ? AF_INET : AF_INET6);
  bytes.copy(made, bytes.length === 4 ? 4 : 8);
  return made;
}
