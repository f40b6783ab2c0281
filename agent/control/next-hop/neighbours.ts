// The next hops of all backends, kept as the network changes.
// Imports platform/port and its siblings. Writes no map: it tells whose next hop has changed, and the writer writes.
// Invariant: after any event get() answers what the kernel's tables say, and each change is told once.

import { isDeepStrictEqual } from 'node:util';
import type { NetworkEvent, Network } from '../../../platform/port.js';
import type { SourcePolicy } from '../start/interfaces.js';
import { type Hop, HopFinder, type KnownHop, neighbourKey } from './next-hop.js';
import { Solicitor } from './solicitor.js';

/** Events of links and routes come in bursts; the tables are read once for a burst. Milliseconds. */
const BURST = 20;

export interface NextHopsListener {
  /** Backend addresses whose next hop differs from what get() said before. */
  changed(addresses: ReadonlySet<string>): void;
  /** Links or addresses of this node changed. */
  devicesChanged(): void;
  /** The network could not be asked or read; undefined: it can again. */
  trouble(error: Error | undefined): void;
}

export class NextHops {
  readonly #network: Network;
  readonly #listener: NextHopsListener;
  readonly #finder: HopFinder;
  readonly #solicitor: Solicitor;
  readonly #hops = new Map<string, Hop>();
  readonly #waiting = new Set<() => void>();
  readonly #watch: { close(): void };
  #burst: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(network: Network, sources: SourcePolicy, listener: NextHopsListener) {
    this.#network = network;
    this.#listener = listener;
    // Watched before the tables are read, so that nothing falls between.
    const early: NetworkEvent[] = [];
    let take: (event: NetworkEvent) => void = (event) => void early.push(event);
    this.#watch = network.watch((event) => take(event));
    this.#finder = new HopFinder(network, sources);
    this.#solicitor = new Solicitor(network, (error) => listener.trouble(error));
    take = (event) => this.#take(event);
    for (const event of early) this.#take(event);
  }

  /** The way to a backend; looked up now when the address is not tracked. */
  get(address: string): Hop {
    return this.#hops.get(address) ?? this.#finder.find(address);
  }

  /** Begins to follow an address. `known`: its next hop as the data plane has it. */
  track(address: string, known?: KnownHop): void {
    if (this.#hops.has(address)) return;
    this.#store(address, this.#finder.find(address, known));
  }

  /** Follows these addresses only. */
  retain(addresses: ReadonlySet<string>): void {
    for (const address of this.#hops.keys()) if (!addresses.has(address)) this.#hops.delete(address);
    const keys = [...this.#hops.values()].flatMap(({ via }) => (via === undefined ? [] : [neighbourKey(via.ifindex, via.address)]));
    this.#solicitor.retain(new Set(keys));
  }

  /** Every tracked address with its hop, in the order in which they came. */
  entries(): Iterable<readonly [string, Hop]> {
    return this.#hops.entries();
  }

  /** Asks for the next hop of a tracked address now and waits until the kernel has confirmed it, or `milliseconds` have passed. */
  async solicit(address: string, milliseconds: number): Promise<Hop> {
    const { via, state } = this.get(address);
    if (via !== undefined && state !== 'reachable' && state !== 'permanent') {
      this.#network.solicit(via.ifindex, via.address);
      await this.waitUntil(() => ['reachable', 'permanent', 'failed'].includes(this.get(address).state), milliseconds);
    }
    return this.get(address);
  }

  /** Waits until the condition holds after some event, or the time is up; true when it holds. */
  async waitUntil(condition: () => boolean, milliseconds: number): Promise<boolean> {
    const deadline = performance.now() + milliseconds;
    while (!condition() && !this.#closed) {
      const left = deadline - performance.now();
      if (left <= 0) return false;
      await new Promise<void>((resolve) => {
        const wake = () => {
          clearTimeout(timer);
          this.#waiting.delete(wake);
          resolve();
        };
        const timer = setTimeout(wake, left);
        this.#waiting.add(wake);
      });
    }
    return condition();
  }

  close(): void {
    this.#closed = true;
    this.#watch.close();
    this.#solicitor.close();
    clearTimeout(this.#burst);
    for (const wake of [...this.#waiting]) wake();
  }

  #take(event: NetworkEvent): void {
    if (this.#closed) return;
    if (event.kind === 'neighbour') {
      this.#finder.noteNeighbour(event.neighbour, event.deleted);
      const { ifindex, address } = event.neighbour;
      this.#refresh((hop) => hop.via?.address === address && hop.via.ifindex === ifindex);
      return;
    }
    this.#burst ??= setTimeout(() => this.#resync(), BURST);
  }

  #resync(): void {
    this.#burst = undefined;
    try {
      this.#finder.refreshInterfaces();
      this.#finder.refreshNeighbours();
      this.#refresh(() => true);
      this.#listener.devicesChanged();
      this.#listener.trouble(undefined);
    } catch (error) {
      this.#listener.trouble(error as Error);
    }
  }

  #refresh(concerned: (hop: Hop) => boolean): void {
    const changed = new Set<string>();
    for (const [address, before] of this.#hops) {
      if (!concerned(before)) continue;
      // A dead neighbour's MAC is not kept for a next hop of another address on the same device.
      const hop = this.#finder.find(address, before.resolved);
      const moved = hop.via?.address !== before.via?.address;
      const now = moved ? this.#finder.find(address) : hop;
      if (isDeepStrictEqual(now, before)) continue;
      this.#store(address, now);
      if (!isDeepStrictEqual([now.resolved, now.source, now.local], [before.resolved, before.source, before.local])) changed.add(address);
    }
    if (changed.size > 0) this.#listener.changed(changed);
    for (const wake of [...this.#waiting]) wake();
  }

  #store(address: string, hop: Hop): void {
    this.#hops.set(address, hop);
    if (hop.via !== undefined) this.#solicitor.update(hop.via.ifindex, hop.via.address, hop.resolved !== undefined);
  }
}
