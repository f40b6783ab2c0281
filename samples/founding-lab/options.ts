// What a lab looks like: options with the founding document's network as defaults, and the plan of hosts made from them.
// Every host has an address of each family; those of IPv6 follow from those of IPv4, see toIpv6.
// Imports agent/model only; pure, nothing is touched here.
// Invariant: every name and address of a lab is decided here, so that two labs with different names never meet.

import { type Family, familyOf } from '../../agent/model/address.js';
import { FairleadError } from '../../agent/model/errors.js';

export type Decap = 'none' | 'tc' | 'xdp';

export interface LabOptions {
  /** Prefix of all namespaces, of the agent's instances and of the folder. Letters and digits, at most 20. Default: fl<pid>, then fl<pid>b, ... */
  readonly name?: string;
  /** Number of backends, 1 to 24 (20.1.1.10, .20, ...), or their addresses. Default 4. */
  readonly backends?: number | readonly string[];
  /** Virtual addresses of either family that clients route to the LB. Default 40.1.1.1 and 2001:db8:40::1. */
  readonly vips?: readonly string[];
  /** Bytes of IP packet on the links of LB and backends. Default 1540: a client's full packet of 1500 bytes and DSR's outer header, 20 or 40. */
  readonly mtu?: number;
  /** The same on the clients' links. Default 1500. */
  readonly clientMtu?: number;
  /** A second client network on a second device (eth1) of the LB, with a host client2. */
  readonly secondClient?: boolean;
  /** False: no nginx on the backends. */
  readonly web?: boolean;
  /** Size of the random file /big, bytes. Default 1 MiB. */
  readonly bigFileBytes?: number;
  /** Where the backends take DSR's outer header off, for the IPv4 addresses of `vips`: a tc or XDP program, or not at all. Default none. */
  readonly decap?: Decap;
}

/** An address of each family. */
export type Addresses = Readonly<Record<Family, string>>;

export interface LinkPlan {
  readonly device: string;
  readonly addresses: Addresses;
  readonly switch: string;
  readonly mtu: number;
}

/** One namespace with one or two devices (eth0, eth1). */
export interface HostPlan {
  readonly name: string;
  readonly role: 'client' | 'lb' | 'backend' | 'switch';
  readonly links: readonly LinkPlan[];
  /** Routes beside the connected ones. */
  readonly routes: readonly { readonly to: string; readonly via: string }[];
}

export interface LabPlan {
  readonly name: string;
  readonly vips: readonly string[];
  readonly switches: readonly string[];
  readonly hosts: readonly HostPlan[];
  readonly clientMtu: number;
  readonly web: boolean;
  readonly bigFileBytes: number;
  readonly decap: Decap;
}

export const FAMILIES: readonly Family[] = [4, 6];
/** Of all networks of the lab. */
export const PREFIX_LENGTHS: Readonly<Record<Family, number>> = { 4: 24, 6: 64 };
/** Of the route to one address. */
const HOST_PREFIX: Readonly<Record<Family, number>> = { 4: 32, 6: 128 };

/** 20.1.1.10 is 2001:db8:20::10 in IPv6: the first and the last number, as they read. */
function toIpv6(address: string): string {
  const [first, , , last] = address.split('.');
  return `2001:db8:${first}::${last ?? address}`;
}

const both = (address: string): Addresses => ({ 4: address, 6: toIpv6(address) });

/** '20.1.1.0/24', '2001:db8:20::/64': the network of an address of the lab. */
export function networkOf(address: string): string {
  return familyOf(address) === 4
    ? `${address.replace(/\.\d+$/, '.0')}/${PREFIX_LENGTHS[4]}`
    : `${address.replace(/::.*$/, '::')}/${PREFIX_LENGTHS[6]}`;
}

const LB = both('20.1.1.1');
const CLIENT = both('20.1.1.100');
const SECOND_NETWORK = { client: both('30.1.1.100'), lb: both('30.1.1.1') };

let labsOfThisProcess = 0;

function nextName(): string {
  labsOfThisProcess += 1;
  const suffix = labsOfThisProcess === 1 ? '' : `n${labsOfThisProcess}`;
  return `fl${process.pid}${suffix}`;
}

/** Addresses of n backends: 20.1.1.10, 20.1.1.20, ...; the client's .100 is left out. */
function backendAddresses(backends: number | readonly string[]): readonly string[] {
  if (typeof backends !== 'number') return backends;
  if (!Number.isInteger(backends) || backends < 1 || backends > 24) {
    throw new FairleadError('FL_E_VALUE', `a lab with ${backends} backends`, { hint: 'give 1 to 24, or their addresses' });
  }
  const all = Array.from({ length: 25 }, (_, index) => (index + 1) * 10).filter((last) => last !== 100);
  return all.slice(0, backends).map((last) => `20.1.1.${last}`);
}

/** Makes the plan of a lab. Throws FL_E_VALUE for a name or number that cannot be. */
export function planLab(options: LabOptions = {}): LabPlan {
  const name = options.name ?? nextName();
  if (!/^[a-z][a-z0-9]{0,19}$/.test(name)) {
    throw new FairleadError('FL_E_VALUE', `lab name '${name}'`, { hint: 'small letters and digits, at most 20, a letter first' });
  }
  const vips = options.vips ?? Object.values(both('40.1.1.1'));
  const mtu = options.mtu ?? 1540;
  const clientMtu = options.clientMtu ?? 1500;
  const second = options.secondClient === true;
  const vipRoutes = (via: Addresses) => vips.map((vip) => ({ to: `${vip}/${HOST_PREFIX[familyOf(vip)]}`, via: via[familyOf(vip)] }));
  const networkRoutes = (to: Addresses, via: Addresses) => FAMILIES.map((family) => ({ to: networkOf(to[family]), via: via[family] }));
  const link = (device: string, addresses: Addresses, bytes: number, to = 'switch') => ({ device, addresses, mtu: bytes, switch: to });

  const client: HostPlan = { name: 'client', role: 'client', links: [link('eth0', CLIENT, clientMtu)], routes: vipRoutes(LB) };
  const client2: HostPlan = {
    name: 'client2',
    role: 'client',
    links: [link('eth0', SECOND_NETWORK.client, clientMtu, 'switch2')],
    routes: [...vipRoutes(SECOND_NETWORK.lb), ...networkRoutes(LB, SECOND_NETWORK.lb)],
  };
  const lbLinks = [link('eth0', LB, mtu), ...(second ? [link('eth1', SECOND_NETWORK.lb, clientMtu, 'switch2')] : [])];
  const lb: HostPlan = { name: 'lb', role: 'lb', links: lbLinks, routes: [] };
  const backends = backendAddresses(options.backends ?? 4).map(
    (address, index): HostPlan => ({
      name: `backend${index + 1}`,
      role: 'backend',
      links: [link('eth0', both(address), mtu)],
      // Replies of DSR to the second client's network: the LB routes them like any router.
      routes: second ? networkRoutes(SECOND_NETWORK.lb, LB) : [],
    }),
  );
  return {
    name,
    vips,
    switches: second ? ['switch', 'switch2'] : ['switch'],
    hosts: [client, ...(second ? [client2] : []), lb, ...backends],
    clientMtu,
    web: options.web ?? true,
    bigFileBytes: options.bigFileBytes ?? 1024 * 1024,
    decap: options.decap ?? 'none',
  };
}
