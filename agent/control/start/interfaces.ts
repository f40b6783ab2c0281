// The devices that the agent serves: found, described, and the addresses of this node that replies come to.
// Imports platform/port, agent/model and agent/datapath/layout for the number of addresses.
// Invariant: a source address that is handed out is always one that the program knows as its own.

import type { InterfaceInfo, Network } from '../../../platform/port.js';
import { MAX_LB_ADDRESSES } from '../../datapath/layout.js';
import { familyOf } from '../../model/address.js';
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

/** 'eth0: index 2, 02:00:00:00:00:01, MTU 1500, 20.1.1.1' */
export function describeDevice(info: InterfaceInfo): string {
  const address = info.addresses[0]?.address ?? 'no address';
  return `${info.name}: index ${info.index}, ${info.mac}, MTU ${info.mtu}, ${address}${info.up ? '' : ', down'}`;
}

/** What is amiss with the devices though the agent can start; by device name. */
export function warnOfDevices(devices: readonly InterfaceInfo[]): ReadonlyMap<string, string> {
  return new Map(devices.filter((info) => !info.up).map((info) => [info.name, `device ${info.name} is down: ip link set ${info.name} up`]));
}

/**
 * The IPv4 addresses that replies may come to: --lb-address, or the first address of each device.
 * Throws FL_E_VALUE when there is none or --lb-address is not an address of this node, FL_E_LIMIT when there are too many.
 */
export function chooseLbAddresses(
  settings: Pick<Settings, 'lbAddress'>,
  devices: readonly InterfaceInfo[],
  network: Network,
): readonly string[] {
  if (settings.lbAddress !== undefined) {
    const own = network.interfaces().some((info) => info.addresses.some(({ address }) => address === settings.lbAddress));
    if (own) return [settings.lbAddress];
    throw new FairleadError('FL_E_VALUE', `LB address ${settings.lbAddress}: not an address of this node`, {
      hint: 'replies come to it, so a device of this node must have it',
    });
  }
  const addresses = devices.flatMap((info) => info.addresses.filter(({ address }) => familyOf(address) === 4).slice(0, 1));
  const unique = [...new Set(addresses.map(({ address }) => address))];
  if (unique.length === 0) {
    throw new FairleadError(
      'FL_E_VALUE',
      `device ${devices.map((info) => info.name).join(', ')}: no IPv4 address that replies could come to`,
      {
        hint: 'give the device an address, or name another of this node with --lb-address',
      },
    );
  }
  if (unique.length > MAX_LB_ADDRESSES) {
    throw new FairleadError('FL_E_LIMIT', `${unique.length} LB addresses (${unique.join(', ')}): at most ${MAX_LB_ADDRESSES}`, {
      hint: 'name one with --lb-address, or fewer devices',
    });
  }
  return unique;
}

/** Which of the LB addresses packets to a backend carry as their source. */
export class SourcePolicy {
  readonly #addresses: readonly string[];
  readonly #byDevice: ReadonlyMap<number, string>;

  constructor(lbAddresses: readonly string[], devices: readonly InterfaceInfo[]) {
    this.#addresses = lbAddresses;
    const own = (info: InterfaceInfo) => info.addresses.find(({ address }) => lbAddresses.includes(address))?.address;
    this.#byDevice = new Map(
      devices.flatMap((info) => [[info.index, own(info)] as const]).filter((pair): pair is [number, string] => pair[1] !== undefined),
    );
  }

  /** The kernel's choice where replies to it are recognised, else the leading device's LB address, else the first of the backend's family. */
  sourceTowards(backend: string, routeSource: string | undefined, ifindex: number): string | undefined {
    if (routeSource !== undefined && this.#addresses.includes(routeSource)) return routeSource;
    const family = familyOf(backend);
    const candidates = [this.#byDevice.get(ifindex), ...this.#addresses];
    return candidates.find((address) => address !== undefined && familyOf(address) === family);
  }
}
