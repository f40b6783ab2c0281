// The table of flows, written in pages as the flows come: widths and columns are settled by each page's own content.
// Imports agent/model and its siblings. Any number of flows passes through in the memory of one page.
// Invariant: no line of IPv4 flows is wider than the sink, from 80 characters on; the last line is the count.

import type { FlowView } from '../model/views.js';
import { countNoun, formatAge, formatCount } from './numbers.js';
import type { Sink } from './sink.js';
import { pad } from './table.js';

interface FlowColumn {
  /** The header's two lines. */
  readonly title: readonly [string, string];
  readonly align?: 'right';
  /** Columns of the lowest rank stand always; then they come in by rank as the width allows. */
  readonly rank: number;
  readonly value: (flow: FlowView) => string;
}

const COLUMNS: readonly FlowColumn[] = [
  { title: ['', 'Source'], align: 'right', rank: 0, value: (flow) => flow.source },
  { title: ['', 'Port'], align: 'right', rank: 0, value: (flow) => String(flow.sourcePort) },
  { title: ['', 'Dest.'], align: 'right', rank: 0, value: (flow) => flow.destination },
  { title: ['', 'Port'], align: 'right', rank: 0, value: (flow) => String(flow.destinationPort) },
  { title: ['', 'Proto'], rank: 4, value: (flow) => flow.protocol },
  { title: ['', 'Backend'], align: 'right', rank: 0, value: (flow) => flow.backend },
  { title: ['', 'Port'], align: 'right', rank: 2, value: (flow) => String(flow.backendPort) },
  { title: ['', 'Mode'], rank: 1, value: (flow) => flow.mode },
  { title: ['SNAT', 'Port'], align: 'right', rank: 8, value: (flow) => (flow.snatPort === undefined ? '-' : String(flow.snatPort)) },
  { title: ['', 'State'], rank: 0, value: (flow) => flow.state },
  { title: ['Rx', 'Pkts'], align: 'right', rank: 5, value: (flow) => formatCount(flow.rxPackets) },
  { title: ['Rx', 'Bytes'], align: 'right', rank: 0, value: (flow) => formatCount(flow.rxBytes) },
  { title: ['Tx', 'Pkts'], align: 'right', rank: 6, value: (flow) => formatCount(flow.txPackets) },
  { title: ['Tx', 'Bytes'], align: 'right', rank: 0, value: (flow) => formatCount(flow.txBytes) },
  { title: ['', 'Age'], align: 'right', rank: 3, value: (flow) => formatAge(flow.age) },
  { title: ['', 'Idle'], align: 'right', rank: 7, value: (flow) => formatAge(flow.idle) },
];

const PAGE = 1000;
/** A terminal of fewer columns gets a gap of 1 between columns. */
const ROOMY = 100;

/** Writes the flows and, last, their count. */
export async function writeFlowTable(sink: Sink, flows: AsyncIterable<FlowView> | Iterable<FlowView>): Promise<void> {
  let page: FlowView[] = [];
  let layout: Layout | undefined;
  let count = 0;
  const flush = async () => {
    const next = layOut(page, sink.columns, layout);
    const header = layout === undefined || next.changed ? headerOf(next) : '';
    layout = next;
    await sink.write(header + page.map((flow) => lineOf(next, flow)).join(''));
    count += page.length;
    page = [];
  };
  for await (const flow of flows) {
    page.push(flow);
    if (page.length === PAGE) await flush();
  }
  if (page.length > 0) await flush();
  await sink.write(`${countNoun(count, 'flow')}\n`);
}

interface Layout {
  readonly columns: readonly FlowColumn[];
  /** Width of every column of COLUMNS, shown or not. */
  readonly widths: ReadonlyMap<FlowColumn, number>;
  readonly gap: string;
  /** Whether a new header is due. */
  readonly changed: boolean;
}

/** Widths only grow from page to page, so that most pages need no new header. */
function layOut(page: readonly FlowView[], width: number, before: Layout | undefined): Layout {
  const gap = width < ROOMY ? ' ' : '  ';
  const widths = new Map<FlowColumn, number>();
  for (const column of COLUMNS) {
    let widest = Math.max(before?.widths.get(column) ?? 0, column.title[0].length, column.title[1].length);
    for (const flow of page) widest = Math.max(widest, column.value(flow).length);
    widths.set(column, widest);
  }
  const shown = new Set(COLUMNS.filter((column) => column.rank === 0));
  const total = () => [...shown].reduce((sum, column) => sum + (widths.get(column) ?? 0) + gap.length, -gap.length);
  for (const column of COLUMNS.filter(({ rank }) => rank > 0).sort((a, b) => a.rank - b.rank)) {
    shown.add(column);
    if (total() <= width) continue;
    shown.delete(column);
    break;
  }
  const columns = COLUMNS.filter((column) => shown.has(column));
  const same =
    columns.length === before?.columns.length && gap === before.gap && columns.every((one) => widths.get(one) === before.widths.get(one));
  return { columns, widths, gap, changed: !same };
}

function headerOf(layout: Layout): string {
  const line = (value: (column: FlowColumn) => string) => joinCells(layout, value);
  return (
    line((column) => column.title[0]) + line((column) => column.title[1]) + line((column) => '='.repeat(layout.widths.get(column) ?? 0))
  );
}

function lineOf(layout: Layout, flow: FlowView): string {
  return joinCells(layout, (column) => column.value(flow));
}

function joinCells({ columns, widths, gap }: Layout, value: (column: FlowColumn) => string): string {
  return `${columns
    .map((column) => pad(value(column), widths.get(column) ?? 0, column.align))
    .join(gap)
    .trimEnd()}\n`;
}
