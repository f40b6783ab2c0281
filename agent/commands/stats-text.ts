// How counters and rates read in tables.
// Imports agent/model and its siblings.

import { formatEndpoint, formatPlace } from '../model/format.js';
import { parseInterval } from '../model/parse-value.js';
import { ratesBetween, type ServiceStats, type StatsView, type Traffic } from '../model/stats.js';
import { formatCount } from './numbers.js';
import type { Column } from './table.js';
import { type CommandContext, optional } from './verb.js';

/** A line of a table: a service, or a backend of one. */
export type StatsRow = Traffic & {
  /** '40.1.1.1:80', or a backend's address. */
  readonly name: string;
  readonly service: number;
  readonly protocol: string;
  readonly flows: number;
  /** Undefined: of a backend, which refuses nobody. */
  readonly refused: number | undefined;
};

export const serviceRow = (service: ServiceStats): StatsRow => ({
  ...service,
  name: formatPlace(service.frontend),
  service: service.id,
  protocol: service.frontend.protocol,
  refused: service.refusedPackets,
});

export const backendRows = (service: ServiceStats): readonly StatsRow[] =>
  service.backends.map((backend) => ({
    ...backend,
    name: formatEndpoint(backend),
    protocol: service.frontend.protocol,
    refused: undefined,
  }));

const number = (title: string, value: (row: StatsRow) => number | undefined): Column<StatsRow> => ({
  title,
  align: 'right',
  value: (row) => formatCount(value(row)),
});

/** Counters since the service or backend is there. Rx: from the backend, as in `service dumpstate`. */
export const COUNTER_COLUMNS: readonly Column<StatsRow>[] = [
  number('Flows', ({ flows }) => flows),
  number('New', ({ newFlows }) => newFlows),
  number('Tx pkts', ({ packets }) => packets),
  number('Tx bytes', ({ bytes }) => bytes),
  number('Rx pkts', ({ replyPackets }) => replyPackets),
  number('Rx bytes', ({ replyBytes }) => replyBytes),
  number('Refused', ({ refused }) => refused),
];

/** The same a second; bytes as bits. */
export const RATE_COLUMNS: readonly Column<StatsRow>[] = [
  number('Flows', ({ flows }) => flows),
  number('New/s', ({ newFlows }) => newFlows),
  number('Tx pps', ({ packets }) => packets),
  number('Tx bit/s', ({ bytes }) => bytes * 8),
  number('Rx pps', ({ replyPackets }) => replyPackets),
  number('Rx bit/s', ({ replyBytes }) => replyBytes * 8),
  number('Ref/s', ({ refused }) => refused),
];

export const RATE = optional({
  name: 'rate',
  placeholder: 'SECONDS',
  text: 'how much a second, watched for so long, 0.1 to 3600; 1 when no number is given',
  parse: parseInterval,
  whenBare: '1',
});

/** The counters now, or how much they grow a second while they are watched. Undefined: interrupted. */
export async function readCounters({ agent, signal }: CommandContext, rate: number | undefined): Promise<StatsView | undefined> {
  const before = await agent.readStats();
  if (rate === undefined) return before;
  await pause(rate, signal);
  return signal.aborted ? undefined : ratesBetween(before, await agent.readStats());
}

/** Waits for so many seconds, or the signal. */
export function pause(seconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, seconds * 1000);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}
