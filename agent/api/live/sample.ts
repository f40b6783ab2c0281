// What the page shows of one moment, from two readings of the agent: plain data, in the form in which it is sent (docs/page.md).
// Imports agent/control and agent/model. Pure.
// Invariant: nothing stands in it that the API's answers do not have; numbers of traffic are a second, of the time between the two readings.

import type { LogEntry } from '../../control/recent-log.js';
import { formatEndpoint, formatFrontend } from '../../model/format.js';
import type { ReasonKind } from '../../model/reasons.js';
import { isReady } from '../../model/ready.js';
import { finderOf, type ServiceStats, type StatsView, type Traffic } from '../../model/stats.js';
import type { BackendView, ServiceView, StatusView } from '../../model/views.js';

/** One reading of the agent. */
export interface Reading {
  /** Seconds since 1970 by a clock that is never set back. */
  readonly at: number;
  readonly status: StatusView;
}

/** All traffic at a time: packets and bits a second, by what became of them. */
export interface Point {
  readonly at: number;
  readonly packets: Readonly<Record<ReasonKind, number>>;
  readonly bits: Readonly<Record<ReasonKind, number>>;
}

/** A second; null before there are two readings. Those of replies are 0 in DSR: replies do not pass here. */
interface Rates {
  readonly packets: number | null;
  readonly bits: number | null;
  readonly replyPackets: number | null;
  readonly replyBits: number | null;
  readonly newFlows: number | null;
}

export interface LiveBackend extends Rates {
  readonly backend: string;
  readonly state: BackendView['state'];
  readonly health: BackendView['health'] | null;
  /** Whether new flows go there. */
  readonly ready: boolean;
  /** Why its check failed, or why no packet reaches it. */
  readonly trouble: string | null;
  readonly weight: number;
  readonly flows: number;
}

export interface LiveService extends Rates {
  readonly id: number;
  readonly frontend: string;
  readonly mode: ServiceView['mode'];
  readonly flows: number;
  /** Packets a second that would have begun a flow and did not. */
  readonly refused: number | null;
  readonly backends: readonly LiveBackend[];
}

/** A way out of the data plane that packets have taken. */
export interface LiveReason {
  readonly name: string;
  readonly kind: ReasonKind;
  readonly text: string;
  /** Since the data plane was set up. */
  readonly packets: number;
  readonly rate: number;
}

/** Of the agent itself. */
export type LiveStatus = Omit<StatusView, 'counters' | 'flows' | 'snatRange'> & {
  readonly version: string;
  /** Seconds since the agent was started. */
  readonly uptime: number;
};

/** One message of the stream: `begin` is whole and has `history`, `sample` has what changed since the message before. */
export interface LiveMessage {
  readonly version: number;
  readonly at: number;
  readonly status: LiveStatus;
  readonly reasons: readonly LiveReason[];
  /** The newest of the history; null when there is none yet. */
  readonly point: Point | null;
  readonly history?: readonly Point[];
  readonly events: readonly LogEntry[];
  readonly services: readonly LiveService[];
  /** Ids of services that are gone. */
  readonly removed?: readonly number[];
}

const NONE: Readonly<Record<ReasonKind, number>> = { forward: 0, pass: 0, drop: 0 };
const BITS = 8;

/** One digit behind the point: what does not change, reads the same. */
const round = (value: number): number => Math.round(value * 10) / 10;

/** A counter that fell is another's that began at 0. */
const grown = (now: number, then: number): number => (now < then ? now : now - then);

export function pointBetween(before: Reading, after: Reading): Point {
  const seconds = Math.max(after.at - before.at, 0.001);
  const packets = { ...NONE };
  const bits = { ...NONE };
  after.status.counters.forEach((now, index) => {
    const then = before.status.counters[index];
    packets[now.kind] += grown(now.packets, then?.packets ?? 0);
    bits[now.kind] += grown(now.bytes, then?.bytes ?? 0) * BITS;
  });
  for (const kind of Object.keys(NONE) as ReasonKind[]) {
    packets[kind] = round(packets[kind] / seconds);
    bits[kind] = round(bits[kind] / seconds);
  }
  return { at: after.at, packets, bits };
}

/** Ways out that some packet has taken, in the order of the data plane. */
export function reasonsBetween(before: Reading | undefined, after: Reading): readonly LiveReason[] {
  const seconds = before === undefined ? Infinity : Math.max(after.at - before.at, 0.001);
  return after.status.counters.flatMap(({ name, kind, text, packets }, index) => {
    const then = before?.status.counters[index]?.packets ?? 0;
    return packets === 0 ? [] : [{ name, kind, text, packets, rate: round(grown(packets, then) / seconds) }];
  });
}

function ratesOf(traffic: Traffic | undefined): Rates {
  if (traffic === undefined) return { packets: null, bits: null, replyPackets: null, replyBits: null, newFlows: null };
  const { packets, bytes, replyPackets, replyBytes, newFlows } = traffic;
  return {
    packets: round(packets),
    bits: round(bytes * BITS),
    replyPackets: round(replyPackets),
    replyBits: round(replyBytes * BITS),
    newFlows: round(newFlows),
  };
}

/** Each service in turn. `rates`: what `ratesBetween` made of `stats` and the reading before; undefined: there was none. */
export function* liveServices(
  services: readonly ServiceView[],
  stats: StatsView,
  rates: StatsView | undefined,
): Generator<LiveService, void, undefined> {
  const counted = new Map(stats.services.map((service) => [service.id, service]));
  const quick = new Map((rates?.services ?? []).map((service) => [service.id, service]));
  for (const service of services) yield liveService(service, counted.get(service.id), quick.get(service.id));
}

function liveService({ id, frontend, mode, backends }: ServiceView, stats?: ServiceStats, rates?: ServiceStats): LiveService {
  const counted = finderOf(stats?.backends ?? []);
  const quick = finderOf(rates?.backends ?? []);
  return {
    id,
    frontend: formatFrontend(frontend),
    mode,
    flows: stats?.flows ?? 0,
    refused: rates === undefined ? null : round(rates.refusedPackets),
    ...ratesOf(rates),
    backends: backends.map((view, index) => {
      return {
        backend: formatEndpoint(view),
        state: view.state,
        health: view.health ?? null,
        ready: isReady(view),
        trouble: troubleOf(view),
        weight: view.weight,
        flows: counted(view, index)?.flows ?? 0,
        ...ratesOf(quick(view, index)),
      };
    }),
  };
}

function troubleOf({ health, healthReason, local, mac, nextHop }: BackendView): string | null {
  if (health === 'down') return healthReason ?? 'not up again yet';
  return local || mac !== undefined ? null : nextHop;
}
