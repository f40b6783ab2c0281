// What a flood did, as a table.
// Imports bench/table.ts and types of agent/model.

import type { Family } from '../../agent/model/address.js';
import type { Mode } from '../../agent/model/service.js';
import { alignColumns } from '../table.js';

export interface FloodRow {
  readonly mode: Mode;
  readonly family: Family;
  /** SYNs that were sent to the load balancer. */
  readonly floodPerSecond: number;
  /** TCP's bits a second: without any flood, with one to nowhere, and with one to the load balancer. */
  readonly alone: number;
  readonly nowhere: number;
  readonly here: number;
  /** Median of here / nowhere, of runs one right after the other. */
  readonly ratio: number;
  /** What the data plane counted over all runs, packets by reason. */
  readonly counts: Readonly<Record<string, number>>;
}

/** The least share of its throughput that TCP must keep. */
export const FLOOD_GOAL = 0.95;

const gigabits = (bits: number): string => (bits / 1e9).toFixed(2);

export function renderFlood(rows: readonly FloodRow[]): string {
  const table = alignColumns([
    ['mode', 'family', 'SYN/s', 'alone', 'nowhere', 'here', 'kept', 'goal'],
    ...rows.map((row) => [
      row.mode,
      `v${row.family}`,
      Math.round(row.floodPerSecond).toLocaleString('en-US'),
      ...[row.alone, row.nowhere, row.here].map(gigabits),
      `${(100 * row.ratio).toFixed(0)} %`,
      row.ratio >= FLOOD_GOAL ? '>= 95 %  ok' : '>= 95 %  under',
    ]),
  ]);
  const counts = rows.flatMap(({ mode, family, counts: counted }) => [
    `${mode} v${family}: ${Object.entries(counted)
      .map(([reason, packets]) => `${reason} ${packets.toLocaleString('en-US')}`)
      .join(', ')}`,
  ]);
  const legend = [
    'TCP through the load balancer on one CPU, Gbit/s: alone; with a flood from another CPU that ends',
    'nowhere; with the same flood to another service of the load balancer. kept: here / nowhere.',
  ];
  return `${[...table, '', ...legend, '', 'Packets counted over all runs:', ...counts].join('\n')}\n`;
}
