// Changes of links, addresses, routes and neighbours, found by looking again and again.
// May import platform/port and its siblings.
// By looking, not by the system's notifications (NotifyIpInterfaceChange and its like): those come on threads of the system's, where no JavaScript may run.
// Invariant: nothing is told after close(); one look serves all listeners.

import type { InterfaceInfo, Neighbour, NetworkEvent } from '../port.js';

const LOOK_MILLISECONDS = 500;

/** What is looked at. */
export interface Tables {
  interfaces(): readonly InterfaceInfo[];
  neighbours(): readonly Neighbour[];
  /** A text that differs whenever a route does. */
  routes(): string;
}

interface Look {
  readonly links: ReadonlyMap<number, string>;
  readonly addresses: ReadonlyMap<number, string>;
  readonly neighbours: ReadonlyMap<string, Neighbour>;
  readonly routes: string;
}

function look(tables: Tables): Look {
  const interfaces = tables.interfaces();
  return {
    links: new Map(interfaces.map(({ index, name, mac, mtu, up }) => [index, `${name} ${mac} ${mtu} ${up}`])),
    addresses: new Map(interfaces.map(({ index, addresses }) => [index, JSON.stringify(addresses)])),
    neighbours: new Map(tables.neighbours().map((one) => [`${one.ifindex} ${one.address}`, one])),
    routes: tables.routes(),
  };
}

/** What lies between two looks. */
export function* differences(before: Look, after: Look): Generator<NetworkEvent> {
  for (const kind of ['link', 'address'] as const) {
    const [old, fresh] = kind === 'link' ? [before.links, after.links] : [before.addresses, after.addresses];
    for (const ifindex of new Set([...old.keys(), ...fresh.keys()])) if (old.get(ifindex) !== fresh.get(ifindex)) yield { kind, ifindex };
  }
  if (before.routes !== after.routes) yield { kind: 'route' };
  for (const [name, neighbour] of after.neighbours) {
    const old = before.neighbours.get(name);
    if (old?.mac !== neighbour.mac || old?.state !== neighbour.state) yield { kind: 'neighbour', neighbour, deleted: false };
  }
  for (const [name, neighbour] of before.neighbours) if (!after.neighbours.has(name)) yield { kind: 'neighbour', neighbour, deleted: true };
}

export class Watch {
  readonly #tables: Tables;
  readonly #listeners = new Set<(event: NetworkEvent) => void>();
  #timer: NodeJS.Timeout | undefined;
  #last: Look | undefined;
  /** Somebody was asked for: an answer is told though it says what was known. */
  readonly #asked = new Set<string>();

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  add(listener: (event: NetworkEvent) => void): { close(): void } {
    // Each has its own place, also when one function is given twice.
    const own = (event: NetworkEvent): void => listener(event);
    this.#last ??= look(this.#tables);
    this.#listeners.add(own);
    this.#timer ??= setInterval(() => this.#lookAgain(), LOOK_MILLISECONDS).unref();
    return {
      close: () => {
        this.#listeners.delete(own);
        if (this.#listeners.size > 0) return;
        clearInterval(this.#timer);
        this.#timer = undefined;
        this.#last = undefined;
      },
    };
  }

  expect(ifindex: number, address: string): void {
    this.#asked.add(`${ifindex} ${address}`);
  }

  #lookAgain(): void {
    if (this.#last === undefined) return;
    const after = look(this.#tables);
    const events = [...differences(this.#last, after)];
    for (const name of this.#asked) {
      const neighbour = after.neighbours.get(name);
      if (neighbour === undefined || neighbour.state === 'incomplete') continue;
      this.#asked.delete(name);
      if (!events.some((event) => event.kind === 'neighbour' && `${event.neighbour.ifindex} ${event.neighbour.address}` === name))
        events.push({ kind: 'neighbour', neighbour, deleted: false });
    }
    this.#last = after;
    for (const event of events) for (const listener of [...this.#listeners]) if (this.#listeners.has(listener)) listener(event);
  }
}
