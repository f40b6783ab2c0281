// "What an entry is worth" of docs/packet-walk.md.
// Imports the state's types alone. Times are modulo 2^32.

import { type Action, type Backend, type Flow, type Plane, type Reverse, SEEN, type Settings, TCP, UDP } from './state.js';

/** In the order in which entries give way. */
export const WORTHS = ['ended', 'half', 'silent', 'live'] as const;
export type Worth = (typeof WORTHS)[number];

const SILENT_SECONDS = 300;
const AHEAD_SECONDS = 60;

export function age(settings: Settings, now: number, then: number): number {
  const ticks = (now - then) >>> 0;
  return ticks > 0xffffffff - AHEAD_SECONDS * settings.ticksPerSecond ? 0 : ticks;
}

/** What a segment's flags show. */
export function seenOf(flags: number): number {
  const opens = (flags & 0x16) === 0x02; // SYN, neither RST nor ACK
  return (opens ? SEEN.syn : SEEN.other) | (flags & 1 ? SEEN.fin : 0) | (flags & 4 ? SEEN.rst : 0);
}

export function isClosing(flow: Flow, seenInReply: number): boolean {
  if ((flow.seen | seenInReply) & SEEN.rst) return true;
  return (flow.seen & SEEN.fin) !== 0 && (flow.action !== 'snat' || (seenInReply & SEEN.fin) !== 0);
}

/** The reverse entry of a SNAT flow, unless its slot has gone to another. */
export function replyOf(plane: Plane, flow: Flow): Reverse | undefined {
  if (flow.action !== 'snat') return undefined;
  const reverse = plane.replies[flow.reverse]?.entry;
  return reverse !== undefined && isReplyOf(reverse, flow) ? reverse : undefined;
}

export function isReplyOf(reverse: Reverse, { tuple }: Flow): boolean {
  return (
    reverse.client === tuple.saddr &&
    reverse.clientPort === tuple.sport &&
    reverse.service === tuple.daddr &&
    reverse.servicePort === tuple.dport &&
    reverse.tuple.protocol === tuple.protocol
  );
}

/** Of the packet's own family, or of the other. */
export type BackendTable = 'backends' | 'others';
/** Where the backends of a service or flow of this action stand. */
export const backendTable = (action: Action): BackendTable => (action === 'dsr-ipip6' ? 'others' : 'backends');

/** The same of a flow that is there: its backend may be on this node, and then of either family. */
export function tableOf(plane: Plane, flow: Flow): BackendTable {
  const isOthers = flow.action === 'local' && backendIn(plane, 'backends', flow) === undefined;
  return isOthers ? 'others' : backendTable(flow.action);
}

/** The flow's backend, unless it is gone. */
export const backendOf = (plane: Plane, flow: Flow): Backend | undefined => backendIn(plane, tableOf(plane, flow), flow);

function backendIn(plane: Plane, table: BackendTable, flow: Flow): Backend | undefined {
  const backend = plane[table]?.[flow.backendId];
  return backend === undefined || backend.state === 'free' || backend.generation !== flow.generation ? undefined : backend;
}

function judge(settings: Settings, flow: Flow, seenInReply: number, rest: number): Worth {
  const lasting: Worth = rest >= SILENT_SECONDS * settings.ticksPerSecond ? 'silent' : 'live';
  const [worth, timeout]: readonly [Worth, number] =
    flow.tuple.protocol === UDP
      ? [flow.packets <= 1 ? 'half' : lasting, settings.timeoutUdp]
      : isClosing(flow, seenInReply)
        ? ['half', settings.timeoutClosing]
        : flow.seen & SEEN.other
          ? [flow.packets <= 1 ? 'half' : lasting, settings.timeoutEstablished]
          : ['half', settings.timeoutSyn];
  return rest >= timeout ? 'ended' : worth;
}

export function worthOfFlow(settings: Settings, plane: Plane, flow: Flow, now: number): Worth {
  const rest = age(settings, now, flow.lastSeen);
  const alone = judge(settings, flow, 0, rest);
  if (alone === 'half' && (flow.seen & (SEEN.fin | SEEN.rst)) === 0) return 'half';
  if (backendOf(plane, flow) === undefined) return 'ended';
  const reverse = replyOf(plane, flow);
  if (reverse === undefined || (alone === 'half' && !(flow.seen & SEEN.fin))) return alone;
  return judge(settings, flow, reverse.seen, Math.min(rest, age(settings, now, reverse.lastSeen)));
}

/** `busy`: the slot of the flow that is being made. */
export function worthOfReply(settings: Settings, plane: Plane, place: number, busy: number | undefined, now: number): Worth {
  const reverse = plane.replies[place]?.entry;
  if (reverse === undefined) return 'ended';
  const unanswered = reverse.tuple.protocol === TCP && reverse.packets === 0;
  if (unanswered && age(settings, now, reverse.lastSeen) < settings.timeoutSyn) return 'half';
  if (reverse.flow === busy) return 'live';
  const flow = plane.flows[reverse.flow]?.entry;
  if (flow === undefined || flow.action !== 'snat' || flow.reverse !== place || !isReplyOf(reverse, flow)) return 'ended';
  const worth = worthOfFlow(settings, plane, flow, now);
  return unanswered && worth !== 'ended' ? 'half' : worth;
}
