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

/** Where the kernel's routes send packets to an address; the neighbour behind `via` is asked for apart, as many addresses may share it. */
export type Way = Pick<Hop, 'via' | 'source' | 'local'>;

/** Bytes; loopback's MTU of 65536 means as much. */
const LARGEST_PACKET = 0xffff;

const NOWHERE: Way = { via: undefined, source: undefined, local: false };

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

  /** The way to an address now: one question to the kernel. */
  way(address: string): Way {
    const route = this.#network.route(address);
    if (route === undefined) return NOWHERE;
    if (route.local) return { ...NOWHERE, local: true };
    const device = this.#interfaces.get(route.ifindex);
    if (device === undefined) return NOWHERE;
    const via = { ifindex: device.index, device: device.name, address: route.nextHop };
    return { via, source: this.#sources.sourceTowards(address, route.source, device.index), local: false };
  }

  /**
   * What frames to a next hop carry now; undefined while nobody knows. `known`: the MAC used until now; it is kept while the kernel has no opinion
   * (an entry that was collected or is being asked for anew), so that a busy backend does not drop out for housekeeping.
   */
  resolve(ifindex: number, address: string, known?: KnownHop): NextHop | undefined {
    const device = this.#interfaces.get(ifindex);
    if (device === undefined || !device.up) return undefined;
    const neighbour = this.neighbour(ifindex, address);
    const dstMac =
      usableMac(neighbour) ?? (keepsKnown(neighbour?.state ?? 'none') && known?.ifindex === ifindex ? known.dstMac : undefined);
    return dstMac === undefined ? undefined : { ifindex, dstMac, srcMac: device.mac, mtu: Math.min(device.mtu, LARGEST_PACKET) };
  }

  /** Both in one: what becomes of a packet to `address`, which leaves by this way with this next hop. */
  hop(address: string, way: Way, resolved: NextHop | undefined): Hop {
    const { via, source, local } = way;
    if (via === undefined)
      return { via, source, local, resolved: undefined, state: 'none', text: local ? 'an address of this node' : 'no route to host' };
    const state = this.neighbour(via.ifindex, via.address)?.state ?? 'none';
    // A frame from the address of all zeros would get no answer.
    if (source === undefined)
      return { via, source, local, resolved: undefined, state, text: `no IPv${familyOf(address)} LB address to send from` };
    if (resolved !== undefined) return { via, source, local, resolved, state, text: 'resolved' };
    const down = this.#interfaces.get(via.ifindex)?.up === false;
    const text = down ? `device ${via.device} is down` : `no answer from ${via.address} on ${via.device}`;
    return { via, source, local, resolved, state, text };
  }

  /** The hop of an address that nobody follows. */
  find(address: string, known?: KnownHop): Hop {
    const way = this.way(address);
    return this.hop(address, way, way.via && this.resolve(way.via.ifindex, way.via.address, known));
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
