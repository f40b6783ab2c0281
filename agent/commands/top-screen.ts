// One screen of `top`: what goes on in a second, as lines of text.
// Imports agent/model and its siblings. Pure.
// Invariant: never more lines than there are rows, and what was left out is said.

import type { StatsView } from '../model/stats.js';
import type { StatusView } from '../model/views.js';
import { countNoun, formatCount, formatShare } from './numbers.js';
import { backendRows, RATE_COLUMNS, serviceRow, type StatsRow } from './stats-text.js';
import { renderTable, wrapText } from './table.js';

/** What a line is sorted by, and the key that asks for it. */
export const SORTS = {
  bits: { key: 't', text: 'bits', of: ({ bytes, replyBytes }: StatsRow) => bytes + replyBytes },
  packets: { key: 'p', text: 'packets', of: ({ packets, replyPackets }: StatsRow) => packets + replyPackets },
  flows: { key: 'f', text: 'flows', of: ({ flows }: StatsRow) => flows },
  new: { key: 'n', text: 'new', of: ({ newFlows }: StatsRow) => newFlows },
  refused: { key: 'r', text: 'refused', of: ({ refused }: StatsRow) => refused ?? 0 },
  id: { key: 'i', text: 'id', of: ({ service }: StatsRow) => -service },
} as const;
export type SortName = keyof typeof SORTS;
export const SORT_NAMES = Object.keys(SORTS) as readonly SortName[];

export const SHOWN = ['services', 'backends'] as const;
export type Shown = (typeof SHOWN)[number];

/** Two looks at the agent, and how much there was a second between them. */
export interface Moment {
  readonly status: StatusView;
  readonly before: StatusView;
  readonly rates: StatsView;
  /** Seconds. */
  readonly passed: number;
}

export interface ScreenOptions {
  readonly sort: SortName;
  readonly show: Shown;
  readonly columns: number;
  /** Lines at most; undefined: as many as there are. */
  readonly rows: number | undefined;
  /** Somebody can press keys. */
  readonly keys: boolean;
}

export function topScreen(moment: Moment, options: ScreenOptions): readonly string[] {
  const { sort, show, columns, rows, keys } = options;
  const { rates } = moment;
  const all = rates.services.flatMap((service): readonly StatsRow[] =>
    show === 'services' ? [serviceRow(service)] : backendRows(service),
  );
  const head = [...summary(moment).flatMap((line) => wrapText(line, columns)), ...troubles(moment).map((line) => clip(line, columns)), ''];
  const foot = keys ? wrapText(keyLine(sort, show), columns) : [];
  const room = rows === undefined ? Number.POSITIVE_INFINITY : Math.max(1, rows - head.length - foot.length);
  const lines = tableLines(all, options, room);
  return [...head, ...lines, ...foot].slice(0, rows);
}

function summary({ status, rates }: Moment): readonly string[] {
  const sum = (of: (service: StatsView['services'][number]) => number) => rates.services.reduce((total, service) => total + of(service), 0);
  const { flows } = status;
  const share = formatShare(flows.limit === 0 ? 0 : flows.entries / flows.limit);
  const bits = (of: 'bytes' | 'replyBytes') => `${formatCount(sum((one) => one[of]) * 8)} bit/s`;
  return [
    `${status.instance}, mode ${status.mode}: ${countNoun(status.services, 'service')}, ${countNoun(status.backends, 'backend')}, ` +
      `${formatCount(flows.entries)} of ${formatCount(flows.limit)} flows (${share})`,
    `new ${formatCount(sum(({ newFlows }) => newFlows))}/s, to backends ${formatCount(sum(({ packets }) => packets))} pps ${bits('bytes')}, ` +
      `to clients ${formatCount(sum(({ replyPackets }) => replyPackets))} pps ${bits('replyBytes')}`,
  ];
}

/** What is lost, the most first, and what does not work as it should. */
function troubles({ status, before, passed }: Moment): readonly string[] {
  const drops = status.counters
    .filter(({ kind }) => kind === 'drop')
    .map(({ name, packets }) => ({ name, grown: packets - (before.counters.find((one) => one.name === name)?.packets ?? 0) }))
    .filter(({ grown }) => grown > 0)
    .sort((one, other) => other.grown - one.grown)
    .map(({ name, grown }) => `${name} ${formatCount(Math.max(1, grown / passed))}`);
  const { warnings } = status;
  return [
    `drops a second: ${drops.join(', ') || 'none'}`,
    ...(warnings.length === 0 ? [] : [`${countNoun(warnings.length, 'warning')} (status): ${warnings[0]}`]),
  ];
}

/** One line of at most `width` characters. */
const clip = (line: string, width: number): string => (line.length <= width ? line : `${line.slice(0, width - 3)}...`);

function tableLines(all: readonly StatsRow[], { sort, show, columns }: ScreenOptions, room: number): readonly string[] {
  if (all.length === 0) return ['no services'];
  const { of } = SORTS[sort];
  const sorted = [...all].sort((one, other) => of(other) - of(one) || one.service - other.service);
  const render = (rows: readonly StatsRow[]) =>
    renderTable(
      [
        { title: 'Id', align: 'right', value: ({ service }: StatsRow) => String(service) },
        { title: show === 'services' ? 'Service' : 'Backend', value: ({ name, protocol }: StatsRow) => `${name}/${protocol}` },
        ...RATE_COLUMNS.slice(0, show === 'services' ? undefined : -1),
      ],
      rows,
      columns,
    )
      .trimEnd()
      .split('\n');
  // On a narrow screen a row takes several lines, so how many fit is found by trying.
  for (let shown = Math.min(sorted.length, room); ; shown--) {
    const left = sorted.length - shown;
    const more = left === 0 ? [] : [`and ${countNoun(left, show === 'services' ? 'service' : 'backend')} more`];
    const lines = [...render(sorted.slice(0, shown)), ...more];
    if (lines.length <= room || shown <= 1) return lines;
  }
}

function keyLine(sort: SortName, show: Shown): string {
  const sorts = SORT_NAMES.map((name) =>
    name === sort ? `[${SORTS[name].key} ${SORTS[name].text}]` : `${SORTS[name].key} ${SORTS[name].text}`,
  );
  return `sort: ${sorts.join(' ')} | b ${show === 'services' ? 'backends' : 'services'} | q quit`;
}
