// The kernel's neighbour table: which MAC answers for an address (ARP, NDP).
// May import platform/port, agent/model/errors and its siblings.
// Invariant: entries that need no resolution (NOARP: loopback, multicast) are not neighbours to us.

import type { Neighbour, NeighbourState } from '../port.js';
import { formatAddress, formatMac } from '../shared/addresses.js';
import { parseAddress } from './addresses.js';
import { ERRNO, systemError } from './errno.js';
import { AF_INET, AF_INET6, NLM_F, readAttributes, type RouteSocket, writeAttribute } from './netlink.js';

const RTM_NEWNEIGH = 28;
const RTM_GETNEIGH = 30;
const NDA = { destination: 1, mac: 2 } as const;
const NTF_USE = 1;
const NUD = { incomplete: 1, reachable: 2, stale: 4, delay: 8, probe: 16, failed: 32, noarp: 64, permanent: 128 } as const;
const STATES: ReadonlyMap<number, NeighbourState> = new Map([
  [NUD.incomplete, 'incomplete'],
  [NUD.reachable, 'reachable'],
  [NUD.stale, 'stale'],
  [NUD.delay, 'delay'],
  [NUD.probe, 'probe'],
  [NUD.failed, 'failed'],
  [NUD.permanent, 'permanent'],
]);
const HEADER = 12; // struct ndmsg

/** All neighbours of both families. Throws FL_E_SYSTEM. */
export function readNeighbours(socket: RouteSocket): readonly Neighbour[] {
  return [AF_INET, AF_INET6].flatMap((family) => {
    const header = Buffer.alloc(HEADER);
    header.writeUInt8(family);
    const { errno, messages } = socket.request(RTM_GETNEIGH, NLM_F.dump, header);
    if (errno !== 0) throw systemError('FL_E_SYSTEM', 'cannot list the neighbours', errno);
    return messages.filter(({ body }) => body.readUInt8(0) === family).flatMap(({ body }) => parseNeighbour(body) ?? []);
  });
}

/** A neighbour message (struct ndmsg and attributes); undefined when it is not of an IP neighbour. */
export function parseNeighbour(body: Buffer): Neighbour | undefined {
  const family = body.readUInt8(0);
  const state = body.readUInt16LE(8);
  const attributes = readAttributes(body, HEADER);
  const address = attributes.get(NDA.destination);
  if (address === undefined || (family !== AF_INET && family !== AF_INET6) || state & NUD.noarp) return undefined;
  return {
    ifindex: body.readInt32LE(4),
    address: formatAddress(address),
    mac: formatMac(attributes.get(NDA.mac)),
    state: STATES.get(state) ?? 'none',
  };
}

/**
 * Asks for the neighbour's MAC, at once: an entry that has a MAC is probed (unicast; after three silent seconds it is 'failed'),
 * any other is resolved from the beginning (broadcast). Permanent entries are left alone.
 * Throws FL_E_VALUE, FL_E_NOT_FOUND (no such device), FL_E_SYSTEM, FL_E_PERMISSION.
 */
export function solicitNeighbour(socket: RouteSocket, ifindex: number, address: string): void {
  const known = readNeighbour(socket, ifindex, address);
  if (known?.state === 'permanent') return;
  const probe = known?.mac !== undefined && known.state !== 'failed' && known.state !== 'incomplete';
  const flags = NLM_F.ack | (probe ? NLM_F.replace : NLM_F.create);
  const body = probe ? neighbourBody(ifindex, address, NUD.probe, 0) : neighbourBody(ifindex, address, 0, NTF_USE);
  let { errno } = socket.request(RTM_NEWNEIGH, flags, body);
  // The entry went between the look and the probe: resolve it from the beginning.
  if (probe && (errno === ERRNO.ENOENT || errno === ERRNO.EINVAL)) {
    errno = socket.request(RTM_NEWNEIGH, NLM_F.ack | NLM_F.create, neighbourBody(ifindex, address, 0, NTF_USE)).errno;
  }
  if (errno === 0) return;
  const what = `cannot ask device ${ifindex} for the MAC address of ${address}`;
  if (errno === ERRNO.ENODEV) throw systemError('FL_E_NOT_FOUND', what, errno, 'name a device that exists');
  throw systemError('FL_E_SYSTEM', what, errno, 'is the device up?');
}

function readNeighbour(socket: RouteSocket, ifindex: number, address: string): Neighbour | undefined {
  const { errno, messages } = socket.request(RTM_GETNEIGH, 0, neighbourBody(ifindex, address, 0, 0));
  const body = messages[0]?.body;
  return errno === 0 && body !== undefined ? parseNeighbour(body) : undefined;
}

function neighbourBody(ifindex: number, address: string, state: number, flags: number): Buffer {
  const { family, bytes } = parseAddress(address);
  const header = Buffer.alloc(HEADER);
  header.writeUInt8(family, 0);
  header.writeInt32LE(ifindex, 4);
  header.writeUInt16LE(state, 8);
  header.writeUInt8(flags, 10);
  return Buffer.concat([header, writeAttribute(NDA.destination, bytes)]);
}
