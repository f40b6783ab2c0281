// The table of flows, written in pages as the flows come: widths and columns are settled by each page's own content.
// Imports agent/model and its siblings. Any number of flows passes through in the memory of one page.
// Invariant: no line is wider than the sink, from 80 characters on: flows whose addresses take more have several lines. The last line is the count.

import { isDeepStrictEqual } from 'node:util';
import type { FlowView } from '../model/views.js';
import { foldColumns, foldIndent } from './fold.js';
import { countNoun, formatAge, formatCount } from './numbers.js';
import type { Sink } from './sink.js';
import { pad } from './table.js';

interface FlowColumn {
  /** The header's two lines. */
  readonly title: readonly [string, string];
  readonly align?: 'right';
  /** Columns of the lowest rank stand always, folded when they must be; then they come in by rank while they need no further line. */
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
  /** The columns of each line of a flow; one line unless addresses are long. */
  readonly lines: readonly (readonly FlowColumn[])[];
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
  const fold = () => {
    const columns = COLUMNS.filter((column) => shown.has(column));
    const lines = foldColumns(
      columns.map((column) => widths.get(column) ?? 0),
      gap.length,
      width,
    );
    return lines.map((line) => line.map((index) => columns[index] as FlowColumn));
  };
  const most = fold().length;
  for (const column of COLUMNS.filter(({ rank }) => rank > 0).sort((a, b) => a.rank - b.rank)) {
    shown.add(column);
    if (fold().length <= most) continue;
    shown.delete(column);
    break;
  }
  const lines = fold();
  const same = isDeepStrictEqual(lines, before?.lines) && lines.flat().every((one) => widths.get(one) === before?.widths.get(one));
  return { lines, widths, gap, changed: !same || gap !== before?.gap };
}

function headerOf(layout: Layout): string {
  const title = (row: 0 | 1) => layout.lines.map((_, index) => joinCells(layout, index, (column) => column.title[row]));
  const [upper, lower] = [title(0), title(1)];
  const titles = layout.lines.map((_, index) => (upper[index] === '\n' ? '' : upper[index]) + (lower[index] ?? ''));
  return titles.join('') + rowOf(layout, (column) => '='.repeat(layout.widths.get(column) ?? 0));
}

function lineOf(layout: Layout, flow: FlowView): string {
  return rowOf(layout, (column) => column.value(flow));
}

function rowOf(layout: Layout, value: (column: FlowColumn) => string): string {
  return layout.lines.map((_, index) => joinCells(layout, index, value)).join('');
}

function joinCells({ lines, widths, gap }: Layout, index: number, value: (column: FlowColumn) => string): string {
  const cells = (lines[index] ?? []).map((column) => pad(value(column), widths.get(column) ?? 0, column.align));
  return `${`${foldIndent(index)}${cells.join(gap)}`.trimEnd()}\n`;
}
