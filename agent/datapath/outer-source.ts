// The source address of the outer header that DSR by IPIP puts in front of a flow's packets.
// Imports agent/model and its siblings. The rules of bpf/outer.h and outer_source() in bpf/family/ipv4.h.

import { addressBytes, familyOf, formatAddress } from '../model/address.js';
import type { BackendEntry } from './backend-table.js';
import type { Config, Tuple } from './layout.js';

const GOLDEN_RATIO = 0x9e3779b1;
const NONE = '0.0.0.0';

/** The LB address towards the backend, or with --ipip-source one of that prefix by the flow's ports and client. */
export function outerSource(config: Config, backend: BackendEntry, tuple: Tuple): string | undefined {
  if (familyOf(backend.address) === 6 || config.ipip4Entropy === NONE) return backend.source;
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(tuple.sport, 0);
  ports.writeUInt16BE(tuple.dport, 2);
  const entropy = Math.imul(wordOf(tuple.saddr) ^ ports.readUInt32LE(0), GOLDEN_RATIO);
  const source = Buffer.alloc(4);
  source.writeUInt32LE((wordOf(config.ipip4Source) | (entropy & wordOf(config.ipip4Entropy))) >>> 0, 0);
  return formatAddress(source);
}

/** As the program reads an IPv4 address: in network order, taken for a little-endian number. */
function wordOf(address: string): number {
  return Buffer.from(addressBytes(address)).readUInt32LE(0);
}
