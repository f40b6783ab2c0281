// The network of the fake kernel: devices, routes and neighbours that a test sets, and the events that it sends.
// May import node:net, platform/port, agent/model/errors.
// Invariant: routes follow from the devices' addresses and the given list; the longest prefix wins.

import { BlockList, isIP } from 'node:net';
import { FairleadError } from '../../agent/model/errors.js';
import type { InterfaceInfo, Neighbour, NetworkEvent, ProbePath, Route } from '../port.js';

export interface FakeInterface extends InterfaceInfo {
  /** Whether its driver has native XDP; default true. */
  readonly nativeXdp?: boolean;
  /** Families that it forwards; default none. */
  readonly forwarding?: readonly (4 | 6)[];
}

export interface FakeRoute {
  /** '20.0.0.0/8', '::/0' */
  readonly destination: string;
  readonly ifindex: number;
  /** Undefined: on the link. */
  readonly via?: string;
}

export interface FakeNetOptions {
  readonly interfaces?: readonly FakeInterface[];
  readonly routes?: readonly FakeRoute[];
  readonly neighbours?: readonly Neighbour[];
  readonly localPortRange?: readonly [number, number];
}

const LOOPBACK: FakeInterface = { name: 'lo', index: 1, mac: '00:00:00:00:00:00', mtu: 65536, up: true, addresses: [] };

export class FakeNet {
  readonly interfaces: FakeInterface[];
  readonly routes: FakeRoute[];
  localPortRange: readonly [number, number];
  /** Who answers a solicitation: address to MAC. Others stay silent. */
  readonly answers = new Map<string, string>();
  /** Every solicitation, in order. */
  readonly solicited: { readonly ifindex: number; readonly address: string }[] = [];
  readonly listeners = new Set<(event: NetworkEvent) => void>();
  /** What probes sent: 'to' is the address of the outer header, or the MAC address. */
  readonly probes: { readonly to: string; readonly packet: Buffer }[] = [];
  /** What comes back for a probe; undefined: nothing does. */
  answerProbe: (to: string, packet: Buffer) => Buffer | undefined = () => undefined;
  readonly #neighbours = new Map<string, Neighbour>();

  constructor(options: FakeNetOptions) {
    const given = options.interfaces ?? [];
    this.interfaces = given.some((device) => device.index === LOOPBACK.index) ? [...given] : [LOOPBACK, ...given];
    this.routes = [...(options.routes ?? [])];
    this.localPortRange = options.localPortRange ?? [32768, 60999];
    for (const neighbour of options.neighbours ?? []) this.#neighbours.set(keyOf(neighbour), neighbour);
  }

  neighbours(): readonly Neighbour[] {
    return [...this.#neighbours.values()];
  }

  /** Sends an event to every watch, at once. */
  emit(event: NetworkEvent): void {
    for (const listener of [...this.listeners]) listener(event);
  }

  /** Sets an entry of the neighbour table and tells it. */
  setNeighbour(neighbour: Neighbour): void {
    this.#neighbours.set(keyOf(neighbour), neighbour);
    this.emit({ kind: 'neighbour', neighbour, deleted: false });
  }

  /** Takes an entry out of the neighbour table and tells it. */
  removeNeighbour(ifindex: number, address: string): void {
    const neighbour = this.#neighbours.get(keyOf({ ifindex, address }));
    if (neighbour === undefined) return;
    this.#neighbours.delete(keyOf(neighbour));
    this.emit({ kind: 'neighbour', neighbour, deleted: true });
  }

  /** Changes a device (or adds it) and tells it. */
  setInterface(device: FakeInterface): void {
    const at = this.interfaces.findIndex((other) => other.index === device.index);
    if (at < 0) this.interfaces.push(device);
    else this.interfaces[at] = device;
    this.emit({ kind: 'link', ifindex: device.index });
  }

  removeInterface(ifindex: number): void {
    this.interfaces.splice(0, this.interfaces.length, ...this.interfaces.filter((device) => device.index !== ifindex));
    this.emit({ kind: 'link', ifindex });
  }

  /** The answer, if there is one, comes in a later turn of the event loop. */
  openProbePath(heard: (packet: Buffer) => void): ProbePath {
    let open = true;
    const send = (to: string, packet: Buffer) => {
      if (!open) throw new FairleadError('FL_E_SYSTEM', 'the path of probes was closed');
      this.probes.push({ to, packet });
      const answer = this.answerProbe(to, packet);
      if (answer !== undefined) setImmediate(() => open && heard(answer));
    };
    return {
      port: this.localPortRange[0],
      sendWrapped: send,
      sendOnLink: (_ifindex, mac, packet) => send(mac, packet),
      close: () => {
        open = false;
      },
    };
  }

  /** The answer, if there is one, comes in a later turn of the event loop. */
  solicit(ifindex: number, address: string): void {
    requireAddress(address);
    if (!this.interfaces.some((device) => device.index === ifindex)) {
      throw new FairleadError('FL_E_NOT_FOUND', `cannot ask device ${ifindex} for the MAC address of ${address}: no such device`);
    }
    this.solicited.push({ ifindex, address });
    const known = this.#neighbours.get(keyOf({ ifindex, address }));
    if (known?.state === 'permanent') return;
    if (known === undefined) this.#neighbours.set(keyOf({ ifindex, address }), { ifindex, address, mac: undefined, state: 'incomplete' });
    setImmediate(() => {
      const mac = this.answers.get(address);
      if (mac !== undefined) this.setNeighbour({ ifindex, address, mac, state: 'reachable' });
    });
  }

  route(destination: string): Route | undefined {
    requireAddress(destination);
    const all = this.interfaces.flatMap(({ index, addresses }) => addresses.map((one) => ({ index, ...one })));
    const addresses = all.filter(
      ({ address, state }) => isIP(address) === isIP(destination) && state !== 'tentative' && state !== 'duplicate',
    );
    const own = addresses.find(({ address }) => address === destination);
    if (own !== undefined) return { ifindex: LOOPBACK.index, nextHop: destination, source: destination, local: true };
    const connected = addresses.map(({ index, address, prefixLength }) => ({
      ifindex: index,
      destination: `${address}/${prefixLength}`,
      source: address,
    }));
    const sourceOn = (ifindex: number) => {
      const there = addresses.filter(({ index }) => index === ifindex);
      return (there.find(({ state }) => state === undefined) ?? there[0])?.address;
    };
    const given = this.routes.map((route) => ({ ...route, source: sourceOn(route.ifindex) }));
    const candidates: (FakeRoute & { source: string | undefined })[] = [...connected, ...given];
    const best = candidates
      .filter((route) => covers(route.destination, destination))
      .sort((a, b) => prefixOf(b.destination) - prefixOf(a.destination))[0];
    return best && { ifindex: best.ifindex, nextHop: best.via ?? destination, source: best.source, local: false };
  }
}

function keyOf({ ifindex, address }: { readonly ifindex: number; readonly address: string }): string {
  return `${ifindex} ${address}`;
}

function requireAddress(text: string): void {
  if (isIP(text) === 0 || text.includes('%')) throw new FairleadError('FL_E_VALUE', `'${text}' is not an IP address`);
}

function prefixOf(subnet: string): number {
  return Number(subnet.split('/')[1]);
}

function covers(subnet: string, address: string): boolean {
  const [network = ''] = subnet.split('/');
  if (isIP(network) !== isIP(address)) return false;
  const family = isIP(network) === 4 ? 'ipv4' : 'ipv6';
  const list = new BlockList();
  list.addSubnet(network, prefixOf(subnet), family);
  return list.check(address, family);
}
