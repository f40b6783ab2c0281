// Devices of this network namespace, their addresses and what is attached to them, by rtnetlink.
// May import platform/port and its siblings.
// Invariant: sysfs is not used: it may show another namespace than the one that the process is in.

import type { AddressState, InterfaceAddress, InterfaceInfo } from '../port.js';
import { formatAddress, formatMac } from '../shared/addresses.js';
import { ERRNO, systemError } from './errno.js';
import { NLM_F, readAttributes, type RouteSocket, writeAttribute } from './netlink.js';

const RTM_GETLINK = 18;
const RTM_GETADDR = 22;
const IFLA = { address: 1, name: 3, mtu: 4, mask: 29, xdp: 43 } as const;
const IFLA_XDP = { attached: 2, programId: 4, nativeId: 5, genericId: 6 } as const;
const SKIP_STATISTICS = 8; // RTEXT_FILTER_SKIP_STATS
const IFF_UP = 1;
const IFA = { address: 1, local: 2, flags: 8 } as const;
/** IFA_F_* and what each means to us, the gravest first. An optimistic address (RFC 4429) is tentative, but may be used. */
const OPTIMISTIC = 0x04;
const ADDRESS_STATES: readonly (readonly [flag: number, state: AddressState])[] = [
  [0x08, 'duplicate'],
  [0x40, 'tentative'],
  [0x20, 'deprecated'],
  [0x01, 'temporary'],
];
const SCOPE_UNIVERSE = 0;
const LINK_HEADER = 16; // struct ifinfomsg
const ADDRESS_HEADER = 8; // struct ifaddrmsg

/** All devices in the kernel's order. `up` is what the administrator set, not whether a cable is in. Throws FL_E_SYSTEM. */
export function readInterfaces(socket: RouteSocket): readonly InterfaceInfo[] {
  const addresses = readAddresses(socket);
  const mask = Buffer.alloc(4);
  mask.writeUInt32LE(SKIP_STATISTICS);
  const { errno, messages } = socket.request(
    RTM_GETLINK,
    NLM_F.dump,
    Buffer.concat([Buffer.alloc(LINK_HEADER), writeAttribute(IFLA.mask, mask)]),
  );
  if (errno !== 0) throw systemError('FL_E_SYSTEM', 'cannot list the network devices', errno);
  return messages.map(({ body }) => {
    const index = body.readInt32LE(4);
    const attributes = readAttributes(body, LINK_HEADER);
    return {
      name: readText(attributes.get(IFLA.name)),
      index,
      mac: formatMac(attributes.get(IFLA.address)) ?? '00:00:00:00:00:00',
      mtu: attributes.get(IFLA.mtu)?.readUInt32LE() ?? 0,
      up: (body.readUInt32LE(8) & IFF_UP) !== 0,
      addresses: addresses.get(index) ?? [],
    };
  });
}

function readAddresses(socket: RouteSocket): ReadonlyMap<number, InterfaceInfo['addresses']> {
  const { errno, messages } = socket.request(RTM_GETADDR, NLM_F.dump, Buffer.alloc(ADDRESS_HEADER));
  if (errno !== 0) throw systemError('FL_E_SYSTEM', 'cannot list the network addresses', errno);
  const found = new Map<number, InterfaceAddress[]>();
  for (const { body } of messages) {
    const attributes = readAttributes(body, ADDRESS_HEADER);
    // On a point-to-point device IFA_ADDRESS is the peer's; IFA_LOCAL, where present, is always ours.
    const bytes = attributes.get(IFA.local) ?? attributes.get(IFA.address);
    if (bytes === undefined || body.readUInt8(3) !== SCOPE_UNIVERSE) continue;
    const index = body.readUInt32LE(4);
    const list = found.get(index) ?? [];
    const state = stateOf(bytes.length, attributes.get(IFA.flags)?.readUInt32LE() ?? body.readUInt8(2));
    list.push({ address: formatAddress(bytes), prefixLength: body.readUInt8(1), ...(state && { state }) });
    found.set(index, list);
  }
  for (const [index, list] of found) found.set(index, sortByAge(list));
  return found;
}

/** The kernel lists IPv4 addresses of a device oldest first, IPv6 addresses of one scope newest first. */
function sortByAge(list: readonly InterfaceAddress[]): InterfaceAddress[] {
  const isIpv6 = ({ address }: InterfaceAddress): boolean => address.includes(':');
  return [...list.filter((one) => !isIpv6(one)), ...list.filter(isIpv6).reverse()];
}

/** The flag of temporary IPv6 addresses means "secondary" with IPv4, where it takes nothing from an address. */
function stateOf(addressBytes: number, flags: number): AddressState | undefined {
  if (addressBytes === 4) return undefined;
  const [, state] = ADDRESS_STATES.find(([flag]) => (flags & flag) !== 0) ?? [];
  return state === 'tentative' && (flags & OPTIMISTIC) !== 0 ? undefined : state;
}

/** Id and mode of the XDP program on a device; undefined: none, or no such device. Throws FL_E_SYSTEM. */
export function readAttachedXdp(socket: RouteSocket, ifindex: number): { programId: number; mode: 'native' | 'generic' } | undefined {
  const body = readLink(socket, ifindex);
  const xdp = body && readAttributes(body, LINK_HEADER).get(IFLA.xdp);
  if (xdp === undefined) return undefined;
  const attributes = readAttributes(xdp, 0);
  const native = attributes.get(IFLA_XDP.nativeId)?.readUInt32LE() ?? 0;
  const generic = attributes.get(IFLA_XDP.genericId)?.readUInt32LE() ?? 0;
  const any = attributes.get(IFLA_XDP.programId)?.readUInt32LE() ?? 0;
  if (native !== 0) return { programId: native, mode: 'native' };
  if (generic !== 0) return { programId: generic, mode: 'generic' };
  // Offloaded to the card: neither of the two, but it is there and in the way.
  return any === 0 ? undefined : { programId: any, mode: 'native' };
}

/** Name of the device, or undefined when there is none with this index. Throws FL_E_SYSTEM. */
export function readInterfaceName(socket: RouteSocket, ifindex: number): string | undefined {
  const body = readLink(socket, ifindex);
  return body && readText(readAttributes(body, LINK_HEADER).get(IFLA.name));
}

function readLink(socket: RouteSocket, ifindex: number): Buffer | undefined {
  if (ifindex <= 0) return undefined;
  const header = Buffer.alloc(LINK_HEADER);
  header.writeInt32LE(ifindex, 4);
  const { errno, messages } = socket.request(RTM_GETLINK, 0, header);
  if (errno === ERRNO.ENODEV) return undefined;
  if (errno !== 0) throw systemError('FL_E_SYSTEM', `cannot ask for network device ${ifindex}`, errno);
  return messages[0]?.body;
}

function readText(value: Buffer | undefined): string {
  return value === undefined ? '' : value.toString('utf8', 0, Math.max(0, value.indexOf(0)));
}
