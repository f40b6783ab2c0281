// The devices that the agent serves: found, described, and the addresses of this node that replies come to.
// Imports platform/port, agent/model, and agent/datapath for the number of addresses and the families.
// Invariant: a source address that is handed out is always one that the program knows as its own.

import type { InterfaceAddress, InterfaceInfo, Network } from '../../../platform/port.js';
import { FAMILIES } from '../../datapath/families.js';
import { MAX_LB_ADDRESSES } from '../../datapath/layout.js';
import { type Family, familyOf } from '../../model/address.js';
import { FairleadError } from '../../model/errors.js';
import type { Settings } from '../../model/settings.js';

/** The devices by name, in the order given. Throws FL_E_NOT_FOUND naming the devices that there are, FL_E_USAGE without any. */
export function findDevices(network: Network, names: readonly string[]): readonly InterfaceInfo[] {
  if (names.length === 0) throw new FairleadError('FL_E_USAGE', 'no device given', { hint: 'name one with --device=IF' });
  const all = network.interfaces();
  return names.map((name) => {
    const found = all.find((info) => info.name === name);
    if (found !== undefined) return found;
    throw new FairleadError('FL_E_NOT_FOUND', `device ${name}: there is none of this name`, {
      hint: `devices here: ${all.map((info) => info.name).join(', ')}`,
    });
  });
}

/** 'eth0: index 2, 02:00:00:00:00:01, MTU 1500, 20.1.1.1, 2001:db8:20::1'; of each family the address that mainAddress() takes. */
export function describeDevice(info: InterfaceInfo): string {
  const addresses = ([4, 6] as const)
    .flatMap((family) => mainAddress(info, family) ?? firstOf(info.addresses, family) ?? [])
    .map(nameAddress);
  return `${info.name}: index ${info.index}, ${info.mac}, MTU ${info.mtu}, ${addresses.join(', ') || 'no address'}${info.up ? '' : ', down'}`;
}

/** '2001:db8::1 (deprecated)' */
function nameAddress({ address, state }: InterfaceAddress): string {
  return state === undefined ? address : `${address} (${state})`;
}

function firstOf(addresses: readonly InterfaceAddress[], family: Family): InterfaceAddress | undefined {
  return addresses.find(({ address }) => familyOf(address) === family);
}

/**
 * The address of the device that stands for it in this family: the first that nothing is against, else one that is still being checked
 * for a duplicate, as after a boot, where the check ends within seconds. Not one that goes by itself (deprecated, temporary) or is
 * another node's: a flow may outlive it. Link-local addresses are not in the list at all.
 */
export function mainAddress(info: InterfaceInfo, family: Family): InterfaceAddress | undefined {
  const having = (wanted: InterfaceAddress['state']) => info.addresses.filter(({ state }) => state === wanted);
  return firstOf(having(undefined), family) ?? firstOf(having('tentative'), family);
}

/** What is amiss with the devices though the agent can start; by device name. */
export function warnOfDevices(devices: readonly InterfaceInfo[]): ReadonlyMap<string, string> {
  return new Map(devices.filter((info) => !info.up).map((info) => [info.name, `device ${info.name} is down: ip link set ${info.name} up`]));
}

/**
 * The addresses that replies may come to, IPv4 first: those of --lb-address, or the main address of each device. Of the families that
 * the data plane forwards; one of them is enough. Those of --snat-address are among them, at the end.
 * Throws FL_E_VALUE when there is none or --lb-address is not an address of this node, FL_E_LIMIT for too many of a family.
 */
export function chooseLbAddresses(
  settings: Pick<Settings, 'lbAddresses'> & Partial<Pick<Settings, 'snatAddresses'>>,
  devices: readonly InterfaceInfo[],
  network: Network,
  families: readonly Family[] = FAMILIES.map(({ family }) => family),
): readonly string[] {
  const { snatAddresses = [] } = settings;
  if (settings.lbAddresses.length > 0) checkOwn('LB', settings.lbAddresses, network);
  if (snatAddresses.length > 0) checkOwn('SNAT', snatAddresses, network);
  const chosen = families.map((family) => {
    const main = () => devices.flatMap((info) => mainAddress(info, family)?.address ?? []);
    const named = settings.lbAddresses.filter((address) => familyOf(address) === family);
    const more = snatAddresses.filter((address) => familyOf(address) === family);
    const unique = [...new Set([...(settings.lbAddresses.length > 0 ? named : main()), ...more])];
    if (unique.length <= MAX_LB_ADDRESSES) return unique;
    throw new FairleadError(
      'FL_E_LIMIT',
      `${unique.length} LB addresses of IPv${family} (${unique.join(', ')}): at most ${MAX_LB_ADDRESSES}`,
      {
        hint: 'name some with --lb-address, or fewer devices',
      },
    );
  });
  if (chosen.some((addresses) => addresses.length > 0)) return chosen.flat();
  const [where, hint] =
    settings.lbAddresses.length > 0
      ? [`LB address ${settings.lbAddresses.join(', ')}`, 'name one of a family that the data plane forwards']
      : [
          `device ${devices.map(describeAddresses).join(', ')}`,
          'give the device an address, or name another of this node with --lb-address',
        ];
  const kinds = families.map((family) => `IPv${family}`).join(' or ');
  throw new FairleadError('FL_E_VALUE', `${where}: no ${kinds} address that replies could come to`, { hint });
}

function checkOwn(role: string, addresses: readonly string[], network: Network): void {
  const own = network.interfaces().flatMap((info) => info.addresses);
  for (const wanted of addresses) {
    const found = own.find(({ address }) => address === wanted);
    if (found !== undefined && found.state !== 'duplicate') continue;
    const why = found === undefined ? 'not an address of this node' : 'another node on the link has it too';
    throw new FairleadError('FL_E_VALUE', `${role} address ${wanted}: ${why}`, {
      hint: 'replies come to it, so a device of this node must have it; link-local addresses do not serve',
    });
  }
}

/** 'eth0', 'eth0 (2001:db8::1 is deprecated)': with the addresses that were passed over. */
function describeAddresses(info: InterfaceInfo): string {
  const passedOver = info.addresses.map(({ address, state }) => (state === undefined ? address : `${address} is ${state}`));
  return passedOver.length === 0 ? info.name : `${info.name} (${passedOver.join(', ')})`;
}

/** Which of the LB addresses packets to a backend carry as their source. */
export class SourcePolicy {
  readonly #addresses: readonly string[];
  /** LB addresses of each served device, by ifindex. */
  readonly #byDevice: ReadonlyMap<number, readonly string[]>;

  constructor(lbAddresses: readonly string[], devices: readonly InterfaceInfo[]) {
    this.#addresses = lbAddresses;
    const own = (info: InterfaceInfo) => info.addresses.map(({ address }) => address).filter((address) => lbAddresses.includes(address));
    this.#byDevice = new Map(devices.map((info) => [info.index, own(info)]));
  }

  /**
   * The kernel's choice where replies to it are recognised, else the leading device's LB address, else the first; always of the backend's
   * family, undefined when there is none of it.
   */
  sourceTowards(backend: string, routeSource: string | undefined, ifindex: number): string | undefined {
    if (routeSource !== undefined && this.#addresses.includes(routeSource)) return routeSource;
    const family = familyOf(backend);
    return [...(this.#byDevice.get(ifindex) ?? []), ...this.#addresses].find((address) => familyOf(address) === family);
  }
}
