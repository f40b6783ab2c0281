// "SNAT ports" of docs/packet-walk.md: the port of a new flow, and its reverse entry.
// Imports its siblings.
// Invariant: a flow and its reverse entry name each other's slots.

import type { Draft } from './draft.js';
import { hashTuple, replyPlace, snatPorts } from './hash.js';
import type { Taken } from './places.js';
import { sourceOf, triedSource } from './snat-source.js';
import { type Backend, type Family, type Flow, type Link, type Reverse, sameTuple, type State, type Tuple } from './state.js';
import type { Walk } from './walk.js';
import { age, worthOfReply } from './worth.js';

export const isSnatPort = ({ snatPorts: [first, last] }: State['settings'], port: number): boolean => port >= first && port <= last;

/** A port as the tuple of its replies, and the slot of its reverse entry. */
interface Port {
  readonly tuple: Tuple;
  readonly place: number;
  /** Index of the address. */
  readonly source: number;
  /** The flow that has the slot has not ended, but gives way. */
  readonly yields?: boolean;
}

/** How many ports are tried before one with a half-open flow's slot is taken, while flows give way. */
const PATIENCE = 5;

/** "SNAT ports". `taken`: the new flow's slot. */
export function choosePort(
  { draft, headers: { family } }: Walk,
  { tuple }: Flow,
  backend: Backend,
  { place: busy, pressed }: Taken,
): Port | undefined {
  const { settings, plane, now } = draft;
  let remembered: Port | undefined;
  let longest = 0;
  let tried = 0;
  const hash = hashTuple(tuple, settings.hashSeed);
  for (const dport of snatPorts(hash, settings.snatPorts)) {
    const port = portOf(draft, family, backend, dport, triedSource(settings, family, hash, tried), tuple);
    const worth = worthOfReply(settings, plane, port.place, busy, now);
    if (worth === 'ended') return port;
    const standing = plane.replies[port.place]?.entry as Reverse;
    const rest = age(settings, now, standing.lastSeen);
    if (worth === 'half' && (remembered === undefined || rest > longest) && !sameTuple(standing.tuple, port.tuple)) {
      remembered = { ...port, yields: true };
      longest = rest;
    }
    tried++;
    if (pressed && tried >= PATIENCE && remembered !== undefined) return remembered;
  }
  return remembered;
}

/** `client`: the flow's tuple. */
export function portOf(draft: Draft, family: Family, backend: Backend, dport: number, source: number, client: Tuple): Port {
  const sport = backend.port || client.dport;
  const tuple = {
    saddr: backend.address,
    daddr: sourceOf(draft.settings, family, backend, source),
    sport,
    dport,
    protocol: client.protocol,
  };
  return { tuple, source, place: replyPlace(tuple, draft.settings, draft.plane.replies.length) };
}

/** Writes a fresh reverse entry for the flow in slot `index`. */
export function takePort(packet: Walk, index: number, { tuple, place, source, yields = false }: Port): void {
  const { draft } = packet;
  const flow = draft.plane.flows[index]?.entry as Flow;
  const reverse = {
    tuple,
    backendId: flow.backendId,
    packets: 0,
    bytes: 0,
    client: flow.tuple.saddr,
    service: flow.tuple.daddr,
    clientPort: flow.tuple.sport,
    servicePort: flow.tuple.dport,
    lastSeen: draft.now,
    flow: index,
    link: linkOf(packet),
    seen: 0,
  };
  draft.takeReply(place, reverse, yields);
  draft.changeFlow(index, { reverse: place, snatPort: tuple.dport, snatSource: source });
}

export function linkOf({ arrival, headers, state }: Walk): Link {
  const device = state.devices.findIndex(({ ifindex }, i) => i > 0 && ifindex === arrival.ingress);
  const { tags, serviceTag, vlan } = headers;
  return { device: Math.max(device, 0), tags, serviceTag, vlan, mac: arrival.frame.toString('hex', 6, 12) };
}
