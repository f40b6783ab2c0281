// The reference model of the data plane: docs/packet-walk.md as functions from a packet and a state to a verdict, a packet and a state.
// Imports its siblings; nothing of the product. Read it beside that page: the parts have the page's order and names.
// Invariant: pure. What the page leaves to time and place (the clock, the CPU's window, the FIB) is in the arguments.
// Not covered: ICMP errors (headers.ts, isCovered: they are never compared), SYN challenges, QUIC, backends of the other family. Settings of these are at rest.

import { affinityBackend, noteAffinity } from './affinity.js';
import {
  answerEcho,
  answerReset,
  answerTooBig,
  answerUnreachable,
  countAnswer,
  isEchoRequest,
  isFromHost,
  isIcmp,
  isPlain,
} from './answers.js';
import { Draft } from './draft.js';
import { findService, isVirtual } from './frontends.js';
import { flowPlaces, hashTuple, replyPlace, snatPorts, vipBit } from './hash.js';
import { datagramOf, firstOf, isPort, isTiny, recall, remember, withPorts } from './fragments.js';
import { type Headers, readFirst, readHeaders } from './headers.js';
import { dsrIpip, dsrL2, outerBytes, snatReply, snatRequest } from './rewrite.js';
import { mayBegin } from './source-ranges.js';
import { sourceOf, triedSource } from './snat-source.js';
import {
  type Backend,
  type Family,
  type Flow,
  type Link,
  type Reverse,
  type Service,
  type Slot,
  sameTuple,
  type State,
  TCP,
  type Tuple,
  UDP,
} from './state.js';
import { age, backendOf, isClosing, isReplyOf, replyOf, seenOf, WORTHS, type Worth, worthOfFlow, worthOfReply } from './worth.js';

export interface Arrival {
  readonly frame: Buffer;
  readonly ingress: number;
  readonly now: number;
}
export interface Outcome {
  readonly verdict: 'pass' | 'drop' | 'tx' | 'redirect';
  readonly reason: string;
  /** Undefined: dropped. */
  readonly frame: Buffer | undefined;
  /** The device that it leaves by. */
  readonly egress: number | undefined;
  /** Whose counters grow by this packet. */
  readonly counts?: Counts;
  readonly state: State;
}

export interface Counts {
  /** The backend that it goes to, or whose client. */
  readonly sent?: { readonly backendId: number; readonly reply: boolean };
  /** The backend that a flow was begun to. */
  readonly began?: number;
  /** The service that has refused to begin a flow. */
  readonly refusedBy?: number;
  /** Why, where the packet's own reason is that it was answered. */
  readonly refusedFor?: string;
}

/** What a part of the walk says; the state stands in the draft. */
type Ending = Omit<Outcome, 'state'>;

const drop = (reason: string): Ending => ({ verdict: 'drop', reason, frame: undefined, egress: undefined });
const refuse = (service: Service, reason: string): Ending => ({ ...drop(reason), counts: { refusedBy: service.id } });

/** One packet on its way. */
interface Walk {
  readonly arrival: Arrival;
  readonly headers: Headers;
  readonly state: State;
  readonly draft: Draft;
}

const pass = ({ arrival }: { readonly arrival: Arrival }, reason: string): Ending => ({
  verdict: 'pass',
  reason,
  frame: arrival.frame,
  egress: undefined,
});
const forward = ({ arrival }: Walk, reason: string, frame: Buffer, egress: number, sent: NonNullable<Counts['sent']>): Ending => ({
  verdict: egress === arrival.ingress ? 'tx' : 'redirect',
  reason,
  frame,
  egress,
  counts: { sent },
});

export function walkPacket(state: State, arrival: Arrival): Outcome {
  const headers = readHeaders(arrival.frame);
  if (typeof headers === 'string') return { ...pass({ arrival }, headers), state };
  const draft = new Draft(state, headers.family, arrival.now);
  const ending = walk({ arrival, headers, state, draft });
  return { ...ending, state: draft.finish() };
}

/** "Fragments", or the way of a whole packet. */
function walk(packet: Walk): Ending {
  const { headers, state, draft, arrival } = packet;
  const { settings } = state;
  const { fragment } = headers;
  if (fragment === undefined) return walkWhole(packet);
  const toLb = settings.lbAddresses[headers.family].includes(headers.tuple.daddr);
  if (!toLb && !state.vips.has(vipBit(headers.tuple.daddr))) return pass(packet, 'fragment');
  const datagram = datagramOf(headers, fragment);
  if (fragment.offset === 0) {
    if (!isPort(headers)) return pass(packet, 'fragment');
    if (isTiny(arrival.frame, headers)) return toLb ? pass(packet, 'fragment') : drop('fragment_tiny');
    const first = firstOf(arrival.frame, headers, fragment, draft.now);
    const counts = !toLb || isSnatPort(settings, first.dport);
    if (counts && countNewFlow(draft)) remember(draft, datagram, first);
    const whole = readFirst(arrival.frame, headers);
    return typeof whole === 'string' ? pass(packet, whole) : walkWhole({ ...packet, headers: whole });
  }
  const first = recall(draft, datagram);
  if (first === undefined) {
    if (toLb || !isPort(headers)) return pass(packet, 'fragment');
    return settings.earlyFragmentsPass ? pass(packet, 'fragment_early_pass') : drop('fragment_early');
  }
  if (fragment.offset < first.bytes) return drop('fragment_overlap');
  const later = { ...packet, headers: withPorts(headers, first) };
  return toLb ? reply(later) : walkLater(later);
}

/** A later fragment to a virtual address: its flow's way, or that of a flow without an entry. */
function walkLater(packet: Walk): Ending {
  const { headers, draft } = packet;
  const { tuple } = headers;
  const { settings, plane } = draft;
  if (headers.hops <= 1) return pass(packet, 'ttl_expired');
  const index = findFlow(draft, flowPlaces(hashTuple(tuple, settings.slotSeed), plane.flows.length), tuple);
  const own = index === undefined ? undefined : (plane.flows[index]?.entry as Flow);
  if (index !== undefined && own !== undefined && backendOf(plane, own) !== undefined) {
    const flow = countPacket(packet, index);
    return act(packet, flow.backendId, flow.action, flow, false);
  }
  const service = findService(plane, tuple);
  if (service === undefined) return noService(packet);
  const backendId = chooseBackend(service, hashTuple(tuple, settings.hashSeed).low % settings.maglevSize) ?? 0;
  const backend = plane.backends[backendId];
  const serves = backend !== undefined && backend.state !== 'free';
  const action = serves && backend.local ? 'local' : service.action;
  if (action === 'snat') return drop('fragment_early');
  return serves ? act(packet, backendId, action, NO_PORT, true) : drop('no_backend');
}

/** In the flow's entry. */
function countPacket({ headers, draft, arrival }: Walk, index: number): Flow {
  const found = draft.plane.flows[index]?.entry as Flow;
  return draft.changeFlow(index, {
    packets: found.packets + 1,
    bytes: found.bytes + arrival.frame.length,
    lastSeen: draft.now,
    seen: found.seen | seenIn(headers),
  });
}

const isSnatPort = ({ snatPorts: [first, last] }: State['settings'], port: number): boolean => port >= first && port <= last;

/** "Every packet", from step 4. */
function walkWhole(packet: Walk): Ending {
  const { headers, state, draft } = packet;
  const { settings } = state;
  const { tuple } = headers;
  if (isIcmp(headers)) return message(packet);
  if (settings.lbAddresses[headers.family].includes(tuple.daddr)) {
    return isSnatPort(settings, tuple.dport) ? reply(packet) : pass(packet, 'local');
  }
  if (!state.vips.has(vipBit(tuple.daddr))) return pass(packet, 'no_service');
  const places = flowPlaces(hashTuple(tuple, settings.slotSeed), draft.plane.flows.length);
  const index = findFlow(draft, places, tuple);
  if (index === undefined || !continues(packet, index)) return begin(packet, places, index);
  if (headers.hops <= 1) return pass(packet, 'ttl_expired');
  const found = draft.plane.flows[index]?.entry as Flow;
  if (age(settings, draft.now, found.refreshed) >= settings.ticksPerSecond && !refresh(packet, index)) return begin(packet, places, index);
  const flow = countPacket(packet, index);
  return act(packet, flow.backendId, flow.action, flow, false);
}

/** Behind the first place, a slot that was never used ends the search. */
function findFlow({ plane }: Draft, places: readonly number[], tuple: Tuple): number | undefined {
  for (const [i, place] of places.entries()) {
    const { entry, freed } = plane.flows[place] as Slot<Flow>;
    if (entry !== undefined && sameTuple(entry.tuple, tuple)) return place;
    if (i > 0 && entry === undefined && !freed) return undefined;
  }
  return undefined;
}

const seenIn = ({ tuple, tcpFlags }: Headers): number => (tuple.protocol === UDP ? 0 : seenOf(tcpFlags));

/** Does the packet belong to the flow that has its tuple? Step 6. */
function continues({ headers, draft }: Walk, index: number): boolean {
  const { settings, plane, now } = draft;
  const flow = plane.flows[index]?.entry as Flow;
  if (backendOf(plane, flow) === undefined) return false;
  const isUdp = headers.tuple.protocol === UDP;
  const mayBegin = isUdp ? age(settings, now, flow.lastSeen) >= settings.timeoutUdp : (headers.tcpFlags & 0x16) === 0x02;
  if (!mayBegin) return true;
  if (worthOfFlow(settings, plane, flow, now) === 'ended') return false;
  return isUdp || !isClosing(flow, replyOf(plane, flow)?.seen ?? 0);
}

/** "First packet of a flow". `own`: the slot that an entry of this tuple has. */
function begin(packet: Walk, places: readonly number[], own: number | undefined): Ending {
  const { headers, draft, arrival } = packet;
  const { tuple } = headers;
  const { settings, now } = draft;
  const service = findService(draft.plane, tuple);
  if (service === undefined) return noService(packet);
  if (!mayBegin(draft.plane, service, tuple.saddr)) return refuse(service, 'source_denied');
  if (headers.hops <= 1) return pass(packet, 'ttl_expired');
  const hash = hashTuple(tuple, settings.hashSeed);
  const backendId = affinityBackend(draft, service, tuple.saddr) ?? chooseBackend(service, hash.low % settings.maglevSize);
  if (backendId === undefined || draft.plane.backends[backendId]?.state === 'free') return refuseService(packet, service);
  const backend = askNextHop(packet, backendId);
  if (!backend.resolved && !backend.local) return refuse(service, 'unresolved');
  const allowed = countNewFlow(draft);
  const taken = allowed ? choosePlace(draft, places, own) : undefined;
  const action = backend.local ? 'local' : service.action;
  if (taken === undefined) {
    if (action === 'snat') return refuse(service, allowed ? 'flow_table' : 'new_flow_rate');
    return act(packet, backendId, action, NO_PORT, true);
  }
  const flow: Flow = {
    tuple,
    packets: 1,
    bytes: arrival.frame.length,
    lastSeen: now,
    created: now,
    refreshed: now,
    backendId,
    generation: backend.generation,
    serviceId: service.id,
    reverse: 0,
    ...NO_PORT,
    action,
    seen: seenIn(headers),
  };
  const { place } = taken;
  draft.takeFlow(place, flow);
  if (action !== 'snat') {
    noteAffinity(draft, service, tuple.saddr, backendId, backend);
    return beginning(act(packet, backendId, action, NO_PORT, false), backendId);
  }
  const port = choosePort(packet, flow, backend, taken);
  if (port === undefined) {
    draft.abandonFlow(place);
    return refuse(service, 'snat_ports');
  }
  takePort(packet, place, port);
  noteAffinity(draft, service, tuple.saddr, backendId, backend);
  return beginning(act(packet, backendId, action, { snatPort: port.tuple.dport, snatSource: port.source }, false), backendId);
}

/** No service has the packet's destination. */
function noService(packet: Walk): Ending {
  const { draft, headers } = packet;
  return draft.settings.unknownPortDrops && isVirtual(draft.plane, headers.tuple.daddr) ? drop('no_port') : pass(packet, 'no_service');
}

/** An answer, back by the link that the packet came by. */
const answer = ({ arrival }: Walk, reason: string, frame: Buffer): Ending => ({ verdict: 'tx', reason, frame, egress: arrival.ingress });

/** No backend takes new flows. */
function refuseService(packet: Walk, service: Service): Ending {
  const refused = { refusedBy: service.id, refusedFor: 'no_backend' };
  return { ...answerRefusal(packet), counts: refused };
}

function answerRefusal(packet: Walk): Ending {
  const { headers, draft, arrival } = packet;
  const { noBackend = 0 } = draft.settings;
  if (noBackend === 0 || !isFromHost(arrival.frame, headers) || !countAnswer(draft)) return drop('no_backend');
  if (noBackend === 1 && headers.tuple.protocol === TCP) {
    const reset = answerReset(arrival.frame, headers);
    return reset === undefined ? drop('no_backend') : answer(packet, 'no_backend_reset', reset);
  }
  return answer(packet, 'no_backend_unreachable', answerUnreachable(arrival.frame, headers));
}

/** The packet would have to be of `mtu` bytes. */
function tooBig(packet: Walk, mtu: number): Ending {
  const { headers, draft, arrival } = packet;
  const mayBeCut = headers.family === 4 && (arrival.frame.readUInt8(headers.ip + 6) & 0x40) === 0;
  if (headers.fragment?.offset || mayBeCut || !isFromHost(arrival.frame, headers) || !countAnswer(draft)) return drop('too_big');
  return answer(packet, 'too_big_answered', answerTooBig(arrival.frame, headers, mtu));
}

/** An ICMP message. */
function message(packet: Walk): Ending {
  const { headers, draft, arrival, state } = packet;
  const { daddr } = headers.tuple;
  if (headers.end - headers.transport < 8 || !isEchoRequest(arrival.frame, headers)) return pass(packet, 'protocol');
  const mayBeVirtual = state.vips.has(vipBit(daddr)) && !state.settings.lbAddresses[headers.family].includes(daddr);
  if (!state.settings.vipEcho || !mayBeVirtual || !isPlain(headers) || !isFromHost(arrival.frame, headers)) return pass(packet, 'protocol');
  if (!isVirtual(draft.plane, daddr)) return pass(packet, 'no_service');
  return answer(packet, 'vip_echo', answerEcho(arrival.frame, headers));
}

const beginning = (ending: Ending, backendId: number): Ending => ({ ...ending, counts: { ...ending.counts, began: backendId } });

function chooseBackend(service: Service, slot: number): number | undefined {
  return service.backendCount === 0 ? undefined : service.table[slot % service.table.length];
}

/** Step 4: may this CPU make another entry? */
function countNewFlow(draft: Draft): boolean {
  const { newFlowRate, ticksPerSecond } = draft.settings;
  if (newFlowRate === 0) return true;
  const over = (draft.now - draft.window.began) >>> 0 >= ticksPerSecond;
  const { began, count } = over ? { began: draft.now, count: 0 } : draft.window;
  const allowed = count < newFlowRate;
  draft.window = { began, count: allowed ? count + 1 : count };
  return allowed;
}

/** A slot for a new flow. `pressed`: a flow that had not ended gives way, or has. */
interface Taken {
  readonly place: number;
  readonly pressed: boolean;
}

/** How many slots are looked at once a flow is found that would give way as `half`. */
const PATIENT_PLACES = 12;

/** "Where entries stand": the slot that a new flow takes. */
function choosePlace(draft: Draft, places: readonly number[], own: number | undefined): Taken | undefined {
  if (own !== undefined) return { place: own, pressed: false };
  const { settings, plane, now } = draft;
  let best: { readonly place: number; readonly worth: Worth; readonly rest: number } | undefined;
  for (const [i, place] of places.entries()) {
    if (best?.worth === 'half' && i >= PATIENT_PLACES) break;
    const { entry: flow, yielded = false } = plane.flows[place] as Slot<Flow>;
    if (flow === undefined) return { place, pressed: yielded };
    const worth = worthOfFlow(settings, plane, flow, now);
    const rest = age(settings, now, flow.lastSeen);
    if (worth === 'ended') return { place, pressed: false };
    if (worth === 'live') continue;
    const order = best === undefined ? -1 : WORTHS.indexOf(worth) - WORTHS.indexOf(best.worth);
    if (best === undefined || order < 0 || (order === 0 && rest > best.rest)) best = { place, worth, rest };
  }
  return best === undefined ? undefined : { place: best.place, pressed: true };
}

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
function choosePort(
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
function portOf(draft: Draft, family: Family, backend: Backend, dport: number, source: number, client: Tuple): Port {
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
function takePort(packet: Walk, index: number, { tuple, place, source, yields = false }: Port): void {
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

function linkOf({ arrival, headers, state }: Walk): Link {
  const device = state.devices.findIndex(({ ifindex }, i) => i > 0 && ifindex === arrival.ingress);
  const { tags, serviceTag, vlan } = headers;
  return { device: Math.max(device, 0), tags, serviceTag, vlan, mac: arrival.frame.toString('hex', 6, 12) };
}

/** "Next hop": the backend's entry afterwards. */
function askNextHop({ draft, state }: Walk, id: number): Backend {
  const backend = draft.plane.backends[id] as Backend;
  const { now } = draft;
  if (/^0*$/.test(backend.source)) return backend;
  if (backend.nextHopAt !== 0 && (now - backend.nextHopAt) >>> 0 < state.settings.ticksPerSecond) return backend;
  const answer = state.fib.get(backend.address);
  return draft.changeBackend(id, { nextHopAt: now === 0 ? 1 : now, ...(answer === undefined ? {} : { ...answer, resolved: true }) });
}

/** "Refresh". False: the flow has lost its port. */
function refresh(packet: Walk, index: number): boolean {
  const { draft } = packet;
  const flow = draft.changeFlow(index, { refreshed: draft.now });
  const backend = askNextHop(packet, flow.backendId);
  if (flow.action !== 'snat') return true;
  const standing = draft.plane.replies[flow.reverse]?.entry;
  if (standing !== undefined && isReplyOf(standing, flow)) {
    draft.changeReply(flow.reverse, { link: linkOf(packet) });
    return true;
  }
  if (worthOfReply(draft.settings, draft.plane, flow.reverse, undefined, draft.now) !== 'ended') return false;
  const port = portOf(draft, packet.headers.family, backend, flow.snatPort, flow.snatSource, flow.tuple);
  takePort(packet, index, { ...port, place: flow.reverse });
  return true;
}

/** "SNAT, reply". */
function reply(packet: Walk): Ending {
  const { headers, draft, state, arrival } = packet;
  const place = replyPlace(headers.tuple, draft.settings, draft.plane.replies.length);
  const reverse = (draft.plane.replies[place] as Slot<Reverse>).entry;
  if (reverse === undefined || !sameTuple(reverse.tuple, headers.tuple)) return pass(packet, 'local');
  if (headers.hops <= 1) return pass(packet, 'ttl_expired');
  draft.changeReply(place, {
    packets: reverse.packets + 1,
    bytes: reverse.bytes + arrival.frame.length,
    lastSeen: draft.now,
    seen: reverse.seen | seenIn(headers),
  });
  const device = state.devices[reverse.link.device];
  const known = device !== undefined && device.ifindex !== 0;
  const ends = { source: reverse.service, destination: reverse.client, sport: reverse.servicePort, dport: reverse.clientPort };
  const ownMac = known ? device.mac : arrival.frame.toString('hex', 0, 6);
  const frame = snatReply(arrival.frame, headers, ends, ownMac, reverse.link);
  return forward(packet, 'snat_reply', frame, known ? device.ifindex : arrival.ingress, { backendId: reverse.backendId, reply: true });
}

/** Of flows of other actions than SNAT. */
const NO_PORT = { snatPort: 0, snatSource: 0 };

/** The flow's action. `untracked`: without an entry. */
function act(
  packet: Walk,
  backendId: number,
  action: Flow['action'],
  { snatPort, snatSource }: Pick<Flow, 'snatPort' | 'snatSource'>,
  untracked: boolean,
): Ending {
  const { arrival, headers, state, draft } = packet;
  const backend = draft.plane.backends[backendId] as Backend;
  const sent = { backendId, reply: false };
  if (action === 'local') return { ...pass(packet, 'local_backend'), counts: { sent } };
  if (!backend.resolved) return drop('unresolved');
  if (action === 'snat') {
    const source = sourceOf(state.settings, headers.family, backend, snatSource);
    return forward(packet, 'snat_request', snatRequest(arrival.frame, headers, backend, source, snatPort), backend.ifindex, sent);
  }
  if (action === 'dsr-l2')
    return forward(packet, untracked ? 'dsr_untracked' : 'dsr_l2', dsrL2(arrival.frame, headers, backend), backend.ifindex, sent);
  if (headers.end - headers.ip + outerBytes(headers.family) > backend.mtu) return tooBig(packet, backend.mtu - outerBytes(headers.family));
  return forward(packet, untracked ? 'dsr_untracked' : 'dsr_ipip', dsrIpip(arrival.frame, headers, backend), backend.ifindex, sent);
}
