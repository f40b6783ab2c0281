// "Which service" of docs/packet-walk.md, and services that stand on more than one address or port.
// Imports the state's types, prefix.ts, fast-check and test/bpf's hosts.

import fc from 'fast-check';
import { addressBytes } from '../../agent/model/address.js';
import { HOSTS } from '../bpf/hosts.js';
import { holds, prefixOf, widthOf } from './prefix.js';
import { type Action, type Family, type Plane, type Service, TCP, type Tuple, UDP } from './state.js';

const hex = (address: string): string => Buffer.from(addressBytes(address)).toString('hex');

const bitsOf = ({ address, bits = widthOf(address) }: Service): number => bits;
const covers = (service: Service, address: string): boolean => holds({ address: service.address, bits: bitsOf(service) }, address);

const isExact = ({ lastPort }: Service): boolean => lastPort === undefined;
const isEveryPort = ({ port, lastPort }: Service): boolean => port === 0 && lastPort === 65535;

/** Of services on one address or prefix: the exact port, else a range, else every port. */
function byPort(services: readonly Service[], dport: number): Service | undefined {
  const ranges = services.filter((service) => !isExact(service) && service.port <= dport && dport <= (service.lastPort as number));
  return (
    services.find((service) => isExact(service) && service.port === dport) ??
    ranges.find((service) => !isEveryPort(service)) ??
    ranges.find(isEveryPort)
  );
}

export function findService({ services }: Plane, { daddr, dport, protocol }: Tuple): Service | undefined {
  const own = services.filter((service) => service.protocol === protocol && covers(service, daddr));
  const ofAddress = own.filter((service) => bitsOf(service) === widthOf(daddr));
  const found = byPort(ofAddress, dport);
  if (found !== undefined) return found;
  const prefixes = own.filter((service) => bitsOf(service) < widthOf(daddr));
  const longest = Math.max(...prefixes.map(bitsOf));
  return byPort(
    prefixes.filter((service) => bitsOf(service) === longest),
    dport,
  );
}

/** Does a service, of whatever protocol and port, stand on this address? */
export const isVirtual = ({ services }: Plane, address: string): boolean => services.some((service) => covers(service, address));

/** Addresses that may have services: the two of the plain ones, and a third in the same prefixes. */
export function virtualAddresses(family: Family): readonly string[] {
  const { VIP, ELSEWHERE } = HOSTS[family];
  const third = family === 4 ? '40.1.9.9' : '3fff:40:a:b:c:d:9:9';
  return [VIP.address, ELSEWHERE.vip, third].map(hex);
}

/** Ranges of ports that do not meet, single ports, every port. */
const PORTS: readonly (readonly [first: number, last?: number])[] = [[8000, 8090], [0, 65535], [81, 1023], [53], [8443], [32768, 49151]];
/** What packets try beside the plain services' ports. */
export const PROBED_PORTS = [53, 80, 81, 1023, 1024, 7999, 8000, 8080, 8090, 8091, 8443, 49151, 65535, 0];
/** Low bits of an address that may be anything. */
const HOST_BITS = { 4: [0, 0, 3, 8, 16, 32], 6: [0, 0, 3, 32, 64, 128] } as const;

/** Places for such services of a family. */
export const WIDE_SERVICES = 4;

/** What one of them is made from. */
export interface Wide {
  readonly place: number;
  readonly address: number;
  readonly hostBits: number;
  readonly ports: number;
  readonly udp: boolean;
  readonly action: Action;
  readonly table: readonly number[];
}

export const wide = (table: fc.Arbitrary<readonly number[]>): fc.Arbitrary<Wide> =>
  fc.record({
    place: fc.nat(WIDE_SERVICES - 1),
    address: fc.nat(2),
    hostBits: fc.nat(5),
    ports: fc.nat(PORTS.length - 1),
    udp: fc.boolean(),
    action: fc.constantFrom('snat', 'dsr-ipip', 'dsr-l2'),
    table,
  });

export function buildWide(family: Family, id: number, { address, hostBits, ports, udp, action, table }: Wide): Service {
  const [port, lastPort] = PORTS[ports] as (typeof PORTS)[number];
  const chosen = virtualAddresses(family)[address] as string;
  const prefix = prefixOf(chosen, widthOf(chosen) - (HOST_BITS[family][hostBits] as number));
  return {
    id,
    ...prefix,
    port,
    ...(lastPort === undefined ? {} : { lastPort }),
    protocol: udp ? UDP : TCP,
    action,
    backendCount: table.length,
    table: table.length === 0 ? [0] : table,
  };
}

/** Whether both have one frontend: then only one of them can stand. */
export const meets = (one: Service, other: Service): boolean =>
  one.address === other.address &&
  bitsOf(one) === bitsOf(other) &&
  one.protocol === other.protocol &&
  one.port === other.port &&
  one.lastPort === other.lastPort;
