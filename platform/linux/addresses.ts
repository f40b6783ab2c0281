// IP addresses as Linux' netlink and sockets name their families.
// May import platform/shared/addresses and its siblings.

import { addressBytes } from '../shared/addresses.js';
import { AF_INET, AF_INET6 } from './netlink.js';

export interface IpAddress {
  readonly family: typeof AF_INET | typeof AF_INET6;
  /** 4 or 16 bytes, network byte order. */
  readonly bytes: Buffer;
}

/** Throws FL_E_VALUE when the text is no IP address. */
export function parseAddress(text: string): IpAddress {
  const bytes = addressBytes(text);
  return { family: bytes.length === 4 ? AF_INET : AF_INET6, bytes };
}
