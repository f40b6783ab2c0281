// Neighbours (ARP, NDP): the system's table, and asking for one.
// May import platform/port, platform/shared/addresses, agent/model/errors and its siblings.
// Offsets are those of MIB_IPNET_ROW2 (netioapi.h, x64). Invariant: whoever was asked for is in the table, as `incomplete` until the system says more.

import { createSocket } from 'node:dgram';
import { FairleadError } from '../../agent/model/errors.js';
import { addressBytes, formatMac } from '../shared/addresses.js';
import type { Neighbour, NeighbourState } from '../port.js';
import { loadIphlpapi, NEIGHBOUR_ROW, readRows } from './iphlpapi.js';
import { makeSockaddr, readSockaddr } from './sockaddr.js';

/** NL_NEIGHBOR_STATE. */
const STATES: readonly NeighbourState[] = ['failed', 'incomplete', 'probe', 'delay', 'stale', 'reachable', 'permanent'];
const HAVE_MAC: readonly NeighbourState[] = ['probe', 'delay', 'stale', 'reachable', 'permanent'];
/** A port that nobody listens at (RFC 863): only the question for the MAC that must go first is wanted. */
const DISCARD = 9;
/** So long somebody who was asked for and is not in the table counts as asked. */
const ASKED_MILLISECONDS = 3000;

export function decodeNeighbours(rows: Buffer): readonly Neighbour[] {
  const found: Neighbour[] = [];
  for (let at = 0; at + NEIGHBOUR_ROW <= rows.length; at += NEIGHBOUR_ROW) {
    const address = readSockaddr(rows, at);
    if (address === undefined) continue;
    const state = STATES[rows.readUInt32LE(at + 76)] ?? 'none';
    const mac = formatMac(rows.subarray(at + 40, at + 40 + rows.readUInt32LE(at + 72)));
    const isKnown = HAVE_MAC.includes(state) && mac !== undefined && mac !== '00:00:00:00:00:00';
    found.push({
      ifindex: rows.readUInt32LE(at + 28),
      address,
      mac: isKnown ? mac : undefined,
      state: isKnown || !HAVE_MAC.includes(state) ? state : 'incomplete',
    });
  }
  return found;
}

export class Neighbours {
  /** When somebody was asked for, by device and address. */
  readonly #asked = new Map<string, { readonly neighbour: Neighbour; readonly at: number }>();

  list(): readonly Neighbour[] {
    const found = decodeNeighbours(readRows('GetIpNetTable2', NEIGHBOUR_ROW));
    const names = new Set(found.map(nameOf));
    const now = performance.now();
    for (const [name, { at }] of this.#asked) if (names.has(name) || now - at > ASKED_MILLISECONDS) this.#asked.delete(name);
    return [...found, ...[...this.#asked.values()].map(({ neighbour }) => neighbour)];
  }

  /** Throws FL_E_VALUE when the text is no address, FL_E_NOT_FOUND when there is no such device. */
  solicit(ifindex: number, address: string, isDevice: (ifindex: number) => boolean): void {
    const sockaddr = makeSockaddr(address);
    if (!isDevice(ifindex)) throw new FairleadError('FL_E_NOT_FOUND', `there is no device with index ${ifindex}`);
    const neighbour: Neighbour = { ifindex, address, mac: undefined, state: 'incomplete' };
    this.#asked.set(nameOf(neighbour), { neighbour, at: performance.now() });
    const { ResolveIpNetEntry2 } = loadIphlpapi();
    if (ResolveIpNetEntry2 === undefined) {
      sendDatagram(ifindex, address);
      return;
    }
    const row = Buffer.alloc(NEIGHBOUR_ROW);
    sockaddr.copy(row);
    row.writeUInt32LE(ifindex, 28);
    // It waits for the answer, on another thread; the table has it then.
    ResolveIpNetEntry2.async(row, null, () => void row);
  }
}

const nameOf = ({ ifindex, address }: Neighbour): string => `${ifindex} ${address}`;

function sendDatagram(ifindex: number, address: string): void {
  const bytes = addressBytes(address);
  const isLinkLocal = bytes.length === 16 && bytes[0] === 0xfe;
  const socket = createSocket(bytes.length === 4 ? 'udp4' : 'udp6');
  socket.on('error', () => socket.close());
  // Errors (no route) end in silence: there is no neighbour then.
  socket.send(Buffer.alloc(1), DISCARD, isLinkLocal ? `${address}%${ifindex}` : address, (error) => {
    if (error === null) socket.close();
  });
  socket.unref();
}
