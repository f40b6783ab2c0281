// From a backend's address to where its frames go: device, MACs, MTU and source address, as the kernel's tables say now.
// Imports platform/port, agent/datapath and agent/model. Keeps the last neighbour and interface tables; refreshed by neighbours.ts.
// Invariant: an answer that is `resolved` has everything that the data plane needs to send a frame.

import type { InterfaceInfo, Neighbour, NeighbourState, Network } from '../../../platform/port.js';
import type { NextHop } from '../../datapath/backend-table.js';
import { familyOf } from '../../model/address.js';
import type { SourcePolicy } from '../start/interfaces.js';

export interface Hop {
  /** The way there. `address`: the backend's own on a link, else the router's, which for IPv6 is mostly link-local. Undefined when there is no route, or the address is this node's own. */
  readonly via: { readonly ifindex: number; readonly device: string; readonly address: string } | undefined;
  /** LB address towards this backend, of its family; undefined also when this node has none of that family. */
  readonly source: string | undefined;
  readonly resolved: NextHop | undefined;
  /** The kernel's word for the neighbour: 'reachable', 'stale', ... */
  readonly state: NeighbourState;
  /** The address is one of this node's. */
  readonly local: boolean;
  /** 'resolved', or why not. */
  readonly text: string;
}

/** What was known before and still holds while the kernel has forgotten the neighbour without declaring it dead. */
export interface KnownHop {
  readonly ifindex: number;
  readonly dstMac: string;
}

/** Bytes; loopback's MTU of 65536 means as much. */
const LARGEST_PACKET = 0xffff;

const UNREACHABLE: Omit<Hop, 'text'> = { via: undefined, source: undefined, resolved: undefined, state: 'none', local: false };

export class HopFinder {
  readonly #network: Network;
  readonly #sources: SourcePolicy;
  #interfaces = new Map<number, InterfaceInfo>();
  readonly #neighbours = new Map<string, Neighbour>();

  constructor(network: Network, sources: SourcePolicy) {
    this.#network = network;
    this.#sources = sources;
    this.refreshInterfaces();
    this.refreshNeighbours();
  }

  refreshInterfaces(): void {
    this.#interfaces = new Map(this.#network.interfaces().map((info) => [info.index, info]));
  }

  refreshNeighbours(): void {
    this.#neighbours.clear();
    for (const neighbour of this.#network.neighbours()) this.noteNeighbour(neighbour, false);
  }

  /** Takes in one event of the kernel's neighbour table. */
  noteNeighbour(neighbour: Neighbour, deleted: boolean): void {
    const key = neighbourKey(neighbour.ifindex, neighbour.address);
    if (deleted) this.#neighbours.delete(key);
    else this.#neighbours.set(key, neighbour);
  }

  neighbour(ifindex: number, address: string): Neighbour | undefined {
    return this.#neighbours.get(neighbourKey(ifindex, address));
  }

  /**
   * The way to `address` now. `known`: the MAC used until now; it is kept while the kernel has no opinion (an entry that was
   * collected or is being asked for anew), so that a busy backend does not drop out for housekeeping.
   */
  find(address: string, known?: KnownHop): Hop {
    const route = this.#network.route(address);
    if (route === undefined) return { ...UNREACHABLE, text: 'no route to host' };
    if (route.local) return { ...UNREACHABLE, local: true, text: 'an address of this node' };
    const device = this.#interfaces.get(route.ifindex);
    if (device === undefined) return { ...UNREACHABLE, text: 'no route to host' };
    const via = { ifindex: device.index, device: device.name, address: route.nextHop };
    const source = this.#sources.sourceTowards(address, route.source, device.index);
    const neighbour = this.neighbour(device.index, route.nextHop);
    const state = neighbour?.state ?? 'none';
    const base = { via, source, state, local: false };
    // A frame from the address of all zeros would get no answer.
    if (source === undefined) return { ...base, resolved: undefined, text: `no IPv${familyOf(address)} LB address to send from` };
    if (!device.up) return { ...base, resolved: undefined, text: `device ${device.name} is down` };
    const dstMac = usableMac(neighbour) ?? (keepsKnown(state) && known?.ifindex === device.index ? known.dstMac : undefined);
    if (dstMac === undefined) return { ...base, resolved: undefined, text: `no answer from ${via.address} on ${via.device}` };
    return {
      ...base,
      resolved: { ifindex: device.index, dstMac, srcMac: device.mac, mtu: Math.min(device.mtu, LARGEST_PACKET) },
      text: 'resolved',
    };
  }
}

export function neighbourKey(ifindex: number, address: string): string {
  return `${ifindex} ${address}`;
}

function usableMac(neighbour: Neighbour | undefined): string | undefined {
  if (neighbour === undefined) return undefined;
  const usable: readonly NeighbourState[] = ['reachable', 'stale', 'delay', 'probe', 'permanent'];
  return usable.includes(neighbour.state) ? neighbour.mac : undefined;
}

function keepsKnown(state: NeighbourState): boolean {
  return state === 'none' || state === 'incomplete';
}
