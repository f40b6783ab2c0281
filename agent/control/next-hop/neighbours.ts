// The next hops of all backends, kept as the network changes.
// Imports platform/port, agent/datapath and its siblings. Writes no map: it tells whose next hop has changed, and the writer writes.
// Invariant: after any event get() answers what the kernel's tables say, and each change is told once. A router's MAC stands in one place for all
// addresses behind it, and routes are asked for a piece at a time: a hundred thousand addresses do not stop the agent.

import { isDeepStrictEqual } from 'node:util';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { NetworkEvent, Network } from '../../../platform/port.js';
import type { NextHop } from '../../datapath/backend-table.js';
import type { SourcePolicy } from '../start/interfaces.js';
import { type Hop, HopFinder, type KnownHop, neighbourKey, type Way } from './next-hop.js';
import { Solicitor } from './solicitor.js';

/** Events of links and routes come in bursts; the tables are read once for a burst. Milliseconds. */
const BURST = 20;
/** Routes that are asked for in one turn of the event loop: some milliseconds. */
const ROUTES_A_TURN = 256;

export interface NextHopsListener {
  /** Backend addresses whose next hop differs from what get() said before. */
  changed(addresses: ReadonlySet<string>): void;
  /** Links or addresses of this node changed. */
  devicesChanged(): void;
  /** The network could not be asked or read; undefined: it can again. */
  trouble(error: Error | undefined): void;
}

/** A neighbour, and the tracked addresses that are reached by it. */
interface Link {
  readonly ifindex: number;
  readonly address: string;
  readonly behind: Set<string>;
  resolved: NextHop | undefined;
}

export class NextHops {
  readonly #network: Network;
  readonly #listener: NextHopsListener;
  readonly #finder: HopFinder;
  readonly #solicitor: Solicitor;
  /** Of each tracked address. */
  readonly #ways = new Map<string, Way>();
  /** By neighbourKey. */
  readonly #links = new Map<string, Link>();
  readonly #waiting = new Set<() => void>();
  readonly #watch: { close(): void };
  #burst: NodeJS.Timeout | undefined;
  #resyncing = false;
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
    const way = this.#ways.get(address);
    return way === undefined ? this.#finder.find(address) : this.#finder.hop(address, way, this.#linkOf(way)?.resolved);
  }

  /** Begins to follow an address. `known`: its next hop as the data plane has it. */
  track(address: string, known?: KnownHop): void {
    if (!this.#ways.has(address)) this.#place(address, this.#finder.way(address), known);
  }

  /** Follows an address no more. */
  forget(address: string): void {
    const way = this.#ways.get(address);
    if (way === undefined) return;
    this.#ways.delete(address);
    const link = this.#linkOf(way);
    link?.behind.delete(address);
    if (link?.behind.size !== 0) return;
    this.#links.delete(neighbourKey(link.ifindex, link.address));
    this.#solicitor.forget(link.ifindex, link.address);
  }

  /** Every tracked address with its hop, in the order in which they came. */
  *entries(): Generator<readonly [string, Hop]> {
    for (const address of this.#ways.keys()) yield [address, this.get(address)];
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
    this.#wake();
  }

  #take(event: NetworkEvent): void {
    if (this.#closed) return;
    if (event.kind !== 'neighbour') {
      this.#burst ??= setTimeout(() => void this.#resync(), BURST);
      return;
    }
    const { ifindex, address } = event.neighbour;
    this.#finder.noteNeighbour(event.neighbour, event.deleted);
    const link = this.#links.get(neighbourKey(ifindex, address));
    if (link !== undefined) this.#tell(this.#settle(link) ? new Set(link.behind) : NOBODY);
  }

  /** Looks at everything again. What happens meanwhile has it done once more afterwards. */
  async #resync(): Promise<void> {
    this.#burst = undefined;
    if (this.#resyncing) {
      this.#burst = setTimeout(() => void this.#resync(), BURST);
      return;
    }
    this.#resyncing = true;
    try {
      this.#finder.refreshInterfaces();
      this.#finder.refreshNeighbours();
      const changed = new Set<string>();
      for (const link of this.#links.values()) if (this.#settle(link)) for (const address of link.behind) changed.add(address);
      this.#tell(changed);
      const addresses = [...this.#ways.keys()];
      for (let from = 0; from < addresses.length && !this.#closed; from += ROUTES_A_TURN) {
        if (from > 0) await nextTurn();
        this.#tell(new Set(addresses.slice(from, from + ROUTES_A_TURN).filter((address) => this.#findWay(address))));
      }
      if (this.#closed) return;
      this.#listener.devicesChanged();
      this.#listener.trouble(undefined);
    } catch (error) {
      this.#listener.trouble(error as Error);
    } finally {
      this.#resyncing = false;
    }
  }

  /** Asks for the route of a tracked address; true when its packets go another way now. */
  #findWay(address: string): boolean {
    const before = this.#ways.get(address);
    if (before === undefined) return false;
    const way = this.#finder.way(address);
    if (isDeepStrictEqual(way, before)) return false;
    const former = this.get(address);
    this.forget(address);
    this.#place(address, way);
    const now = this.get(address);
    return !isDeepStrictEqual([now.resolved, now.source, now.local], [former.resolved, former.source, former.local]);
  }

  #place(address: string, way: Way, known?: KnownHop): void {
    this.#ways.set(address, way);
    if (way.via === undefined) return;
    const { ifindex, address: next } = way.via;
    const present = this.#links.get(neighbourKey(ifindex, next));
    const link = present ?? { ifindex, address: next, behind: new Set(), resolved: undefined };
    link.behind.add(address);
    if (present !== undefined) return;
    this.#links.set(neighbourKey(ifindex, next), link);
    this.#settle(link, known);
  }

  /** Asks the tables for the link's MAC; true when frames to it are others now. */
  #settle(link: Link, known: KnownHop | undefined = link.resolved): boolean {
    const { ifindex, address, resolved: before } = link;
    link.resolved = this.#finder.resolve(ifindex, address, known);
    this.#solicitor.update(ifindex, address, link.resolved !== undefined);
    return !isDeepStrictEqual(link.resolved, before);
  }

  #linkOf({ via }: Way): Link | undefined {
    return via && this.#links.get(neighbourKey(via.ifindex, via.address));
  }

  #tell(changed: ReadonlySet<string>): void {
    if (changed.size > 0) this.#listener.changed(changed);
    this.#wake();
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}

const NOBODY: ReadonlySet<string> = new Set();
