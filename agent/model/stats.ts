// What services and backends counted, and how fast they count: plain data.
// Imports its siblings. The JSON forms of these are a contract (docs/json.md).

import { formatEndpoint } from './format.js';
import type { Endpoint, Frontend } from './service.js';

/** Counters, or the same a second. Bytes are whole frames as received. */
export interface Traffic {
  /** Sent on to backends. */
  readonly packets: number;
  readonly bytes: number;
  /** Sent on to clients. In DSR replies do not pass here. */
  readonly replyPackets: number;
  readonly replyBytes: number;
  readonly newFlows: number;
}

export const TRAFFIC = ['packets', 'bytes', 'replyPackets', 'replyBytes', 'newFlows'] as const satisfies readonly (keyof Traffic)[];

/** Why packets that would have begun a flow did not: reasons of docs/errors.md, in the order of the data plane. */
export const REFUSAL_REASONS = ['source_denied', 'no_backend', 'unresolved', 'snat_ports', 'new_flow_rate', 'flow_table'] as const;
export type RefusalReason = (typeof REFUSAL_REASONS)[number];

export interface BackendStats extends Endpoint, Traffic {
  readonly service: number;
  readonly backendId: number;
  /** Flows now. */
  readonly flows: number;
}

export interface ServiceStats extends Traffic {
  readonly id: number;
  readonly frontend: Frontend;
  readonly flows: number;
  /** Packets that would have begun a flow and did not: of each reason, and all together. */
  readonly refused: Readonly<Record<RefusalReason, number>>;
  readonly refusedPackets: number;
  /** Those of now. What former ones counted is in the service's numbers, and in none of these. */
  readonly backends: readonly BackendStats[];
}

export interface StatsView {
  /** When they were read: seconds since 1970 by a clock that is never set back. */
  readonly at: number;
  readonly services: readonly ServiceStats[];
}

/** The second reading with its counters a second, over the time between the two; flows are those of now. What was not there before counted from 0. */
export function ratesBetween(before: StatsView, after: StatsView): StatsView {
  const seconds = Math.max(after.at - before.at, 0.001);
  // A counter that fell is another's that began at 0.
  const rate = (now: number, then: number | undefined) => (then === undefined || now < then ? now : now - then) / seconds;
  const traffic = (now: Traffic, then: Traffic | undefined): Traffic => ({
    packets: rate(now.packets, then?.packets),
    bytes: rate(now.bytes, then?.bytes),
    replyPackets: rate(now.replyPackets, then?.replyPackets),
    replyBytes: rate(now.replyBytes, then?.replyBytes),
    newFlows: rate(now.newFlows, then?.newFlows),
  });
  const earlier = new Map(before.services.map((service) => [service.id, service]));
  const services = after.services.map((now): ServiceStats => {
    const then = earlier.get(now.id);
    const find = finderOf(then?.backends ?? []);
    // Under another id it is another, that began at 0.
    const former = (one: BackendStats, index: number) => {
      const found = find(one, index);
      return found?.backendId === one.backendId ? found : undefined;
    };
    const refused = Object.fromEntries(REFUSAL_REASONS.map((reason) => [reason, rate(now.refused[reason], then?.refused[reason])]));
    return {
      ...now,
      ...traffic(now, then),
      refused: refused as Record<RefusalReason, number>,
      refusedPackets: rate(now.refusedPackets, then?.refusedPackets),
      backends: now.backends.map((one, index) => ({ ...one, ...traffic(one, former(one, index)) })),
    };
  });
  return { at: after.at, services };
}

/** Finds endpoints in a list that mostly has the order of those that are looked for: there may be ten thousand, each second. */
export function finderOf<One extends Endpoint>(list: readonly One[]): (wanted: Endpoint, index: number) => One | undefined {
  let byText: Map<string, One> | undefined;
  return (wanted, index) => {
    const found = list[index];
    if (found?.address === wanted.address && found.port === wanted.port) return found;
    byText ??= new Map(list.map((one) => [formatEndpoint(one), one]));
    return byText.get(formatEndpoint(wanted));
  };
}
