// The kernel's own routing decision for one destination (RTM_GETROUTE).
// May import platform/port and its siblings.
// Invariant: whatever the kernel would not deliver by unicast (unreachable, blackhole, broadcast, ...) is no route.

import type { Route } from '../port.js';
import { formatAddress } from '../shared/addresses.js';
import { parseAddress } from './addresses.js';
import { ERRNO, systemError } from './errno.js';
import { readAttributes, type RouteSocket, writeAttribute } from './netlink.js';

const RTM_GETROUTE = 26;
const RTN_UNICAST = 1;
const RTN_LOCAL = 2;
const RTA = { destination: 1, device: 4, gateway: 5, source: 7, via: 18 } as const;
const HEADER = 12; // struct rtmsg
/** How the kernel says that there is none: no entry, 'unreachable', 'prohibit', 'blackhole', family switched off. */
const NO_ROUTE: ReadonlySet<number> = new Set([
  ERRNO.ENETUNREACH,
  ERRNO.EHOSTUNREACH,
  ERRNO.EACCES,
  ERRNO.EINVAL,
  ERRNO.ENETDOWN,
  ERRNO.EOPNOTSUPP,
  ERRNO.EAFNOSUPPORT,
]);

/** Throws FL_E_VALUE for text that is no address, FL_E_SYSTEM. */
export function readRoute(socket: RouteSocket, destination: string): Route | undefined {
  const { family, bytes } = parseAddress(destination);
  const header = Buffer.alloc(HEADER);
  header.writeUInt8(family, 0);
  header.writeUInt8(8 * bytes.length, 1);
  const { errno, messages } = socket.request(RTM_GETROUTE, 0, Buffer.concat([header, writeAttribute(RTA.destination, bytes)]));
  if (NO_ROUTE.has(errno)) return undefined;
  if (errno !== 0) throw systemError('FL_E_SYSTEM', `cannot ask for the route to ${destination}`, errno);
  const body = messages[0]?.body;
  const type = body?.readUInt8(7);
  if (body === undefined || (type !== RTN_UNICAST && type !== RTN_LOCAL)) return undefined;
  const attributes = readAttributes(body, HEADER);
  const ifindex = attributes.get(RTA.device)?.readUInt32LE();
  if (ifindex === undefined) return undefined;
  // RTA_VIA: a next hop of another family than the destination; two bytes of family come before the address.
  const nextHop = attributes.get(RTA.gateway) ?? attributes.get(RTA.via)?.subarray(2) ?? bytes;
  const source = attributes.get(RTA.source);
  return { ifindex, nextHop: formatAddress(nextHop), source: source && formatAddress(source), local: type === RTN_LOCAL };
}
