// What the benchmark prints: tables for people, JSON for programs.
// Imports its siblings; texts only, nothing is written here.
// Invariant: the JSON is the contract of docs/benchmarks.md; the tables may change.

import type { Family } from '../agent/model/address.js';
import type { Breakdown } from './breakdown.js';
import { renderBreakdown } from './breakdown-table.js';
import { BACKENDS } from './paths.js';
import { alignColumns } from './table.js';

export interface BenchResult {
  readonly path: string;
  /** Of IP. */
  readonly family: Family;
  readonly flows: number;
  /** Of one packet, wrapper included; median of all samples. */
  readonly ns: number;
  /** Multiple of do-nothing sampled right before or after; median of all pairs. Of the veth loop: share of do-nothing's rate. */
  readonly ratio: number;
  /** Million frames a second; of the veth loop's rows alone. */
  readonly mpps?: number;
  /** Share of the packets that were refused for want of room; where there were any. */
  readonly refused?: number;
}

/** A bound of `ratio`. */
export type Goal = { readonly most: number } | { readonly least: number };

/** What a row is compared with: do-nothing, do-nothing in the veth loop, the same path at a small size. */
export type RowKind = 'path' | 'loop' | 'growth';

export interface BenchRow extends BenchResult {
  readonly kind: RowKind;
  readonly goal: Goal | undefined;
}

/** The program measured: its size, and the memory of its maps at default sizes. */
export interface ProgramFacts {
  readonly verifiedInstructions: number;
  readonly translatedInstructions: number;
  readonly machineCodeBytes: number;
  /** As the kernel counts it; a service's Maglev table is not in it. */
  readonly mapBytes: number;
  /** Of one service's Maglev table. */
  readonly maglevBytes: number;
}

export interface BenchReport {
  readonly rows: readonly BenchRow[];
  readonly program: ProgramFacts;
  readonly breakdown: Breakdown | undefined;
  readonly rounds: number;
  readonly kernel: string;
  readonly cpu: string;
}

/** The rows without what is not part of the contract. */
export function toResults(rows: readonly BenchRow[]): readonly BenchResult[] {
  return rows.map(({ goal: _, kind: __, ...result }) => result);
}

export function renderJson({ rows, program, breakdown }: BenchReport): string {
  return `${JSON.stringify({ results: toResults(rows), program, breakdown })}\n`;
}

const MEBIBYTE = 1024 * 1024;
const MOST_MAP_BYTES = 128 * MEBIBYTE;

function goalCells(ratio: number, goal: Goal | undefined): readonly string[] {
  if (goal === undefined) return ['', ''];
  if ('most' in goal) return [`<= ${goal.most.toFixed(1)}`, ratio <= goal.most ? 'ok' : 'over'];
  return [`>= ${goal.least.toFixed(2)}`, ratio >= goal.least ? 'ok' : 'under'];
}

/** Title of the column of ratios; the veth loop's are shares, so more is better. */
const RATIO_TITLES: Readonly<Record<RowKind, string>> = { path: 'x nothing', loop: 'of nothing', growth: 'x small' };

function renderRows(kind: RowKind, rows: readonly BenchRow[]): string[] {
  const rate = (cell: string) => (kind === 'loop' ? [cell] : []);
  const lines = rows.map((row) => {
    const figures = [row.ns.toFixed(1), ...rate((row.mpps ?? 0).toFixed(2)), row.ratio.toFixed(2)];
    return [row.path, `v${row.family}`, String(row.flows), ...figures, ...goalCells(row.ratio, row.goal)];
  });
  return alignColumns([['Path', 'IP', 'Flows', 'ns', ...rate('Mpps'), RATIO_TITLES[kind], 'Goal', ''], ...lines]);
}

function renderProgram({ verifiedInstructions, translatedInstructions, machineCodeBytes, mapBytes, maglevBytes }: ProgramFacts): string[] {
  const mebibytes = (mapBytes / MEBIBYTE).toFixed(1);
  return alignColumns([
    ['Program', 'Value', 'Goal', ''],
    ['instructions verified', String(verifiedInstructions), '', ''],
    ['instructions translated', String(translatedInstructions), '', ''],
    ['bytes of machine code', String(machineCodeBytes), '', ''],
    ['MiB of maps, default sizes', mebibytes, `<= ${MOST_MAP_BYTES / MEBIBYTE}`, mapBytes <= MOST_MAP_BYTES ? 'ok' : 'over'],
    ['KiB of a Maglev table', (maglevBytes / 1024).toFixed(1), '', ''],
  ]);
}

/** At most 80 columns. */
export function renderTable(report: BenchReport): string {
  const tables = (['path', 'loop', 'growth'] as const).flatMap((kind) => {
    const rows = report.rows.filter((row) => row.kind === kind);
    return rows.length === 0 ? [] : [...renderRows(kind, rows), ''];
  });
  const refusals = report.rows.flatMap(({ path, family, refused }) =>
    refused === undefined ? [] : [`${path} v${family}: ${(refused * 100).toFixed(0)} % of its packets found no room and were dropped.`],
  );
  const lines = [
    ...tables,
    ...renderProgram(report.program),
    ...(report.breakdown === undefined ? [] : ['', ...renderBreakdown(report.breakdown)]),
    '',
    ...refusals,
    `TCP, ${BACKENDS} backends a service; medians over ${report.rounds} rounds; all with the wrapper.`,
    `Kernel ${report.kernel}, ${report.cpu}.`,
  ];
  return `${lines.join('\n')}\n`;
}
