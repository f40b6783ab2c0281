// What the benchmark prints: a table for people, JSON for programs.
// Imports bench/paths.ts; texts only, nothing is written here.
// Invariant: the JSON is the contract of docs/benchmarks.md; the table may change.

import { BACKENDS } from './paths.js';

export interface BenchResult {
  readonly path: string;
  /** Of IP. */
  readonly family: 4;
  readonly flows: number;
  /** Of one packet, wrapper included; median of all samples. */
  readonly ns: number;
  /** Multiple of do-nothing sampled right before or after; median of all pairs. */
  readonly ratio: number;
}

export interface BenchRow extends BenchResult {
  readonly about: string;
  /** Most that `ratio` may be; undefined: no goal. */
  readonly goal: number | undefined;
}

/** What was measured, and where. */
export interface BenchFacts {
  readonly rounds: number;
  readonly verifiedInstructions: number;
  readonly translatedInstructions: number;
  readonly machineCodeBytes: number;
  readonly kernel: string;
  readonly cpu: string;
}

export function renderJson(rows: readonly BenchRow[]): string {
  const results: BenchResult[] = rows.map(({ path, family, flows, ns, ratio }) => ({ path, family, flows, ns, ratio }));
  return `${JSON.stringify({ results })}\n`;
}

const HEADER = ['Path', 'Flows', 'ns', 'x nothing', 'Goal', ''];

function cellsOf(row: BenchRow): readonly string[] {
  const goal = row.goal === undefined ? ['', ''] : [`<= ${row.goal.toFixed(1)}`, row.ratio <= row.goal ? 'ok' : 'over'];
  return [row.path, String(row.flows), row.ns.toFixed(1), row.ratio.toFixed(2), ...goal];
}

/** At most 80 columns. */
export function renderTable(rows: readonly BenchRow[], facts: BenchFacts): string {
  const cells = [HEADER, ...rows.map(cellsOf)];
  const widths = HEADER.map((_, column) => Math.max(...cells.map((line) => line[column]?.length ?? 0)));
  const lines = cells.map((line) =>
    line
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
  const footer = [
    '',
    `IPv4, TCP, ${BACKENDS} backends a service; medians over ${facts.rounds} rounds; all with the wrapper.`,
    `Program: ${facts.verifiedInstructions} instructions verified, ${facts.translatedInstructions} translated,`,
    `         ${facts.machineCodeBytes} bytes of machine code.`,
    `Kernel ${facts.kernel}, ${facts.cpu}.`,
  ];
  return `${[...lines, ...footer].join('\n')}\n`;
}
