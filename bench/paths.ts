// The ways of a packet that the benchmark measures, as data: what is sent, what must come of it, and what it may cost.
// Imports agent/model only.
// Invariant: a path names the reason that each of its packets must be counted by; bench/measure.ts refuses any other outcome.

import type { Family } from '../agent/model/address.js';

/** Frames that the wrapper sends; bench/traffic.ts builds them. */
export type FrameSet = 'snat' | 'reply' | 'ipip' | 'l2' | 'local' | 'transit';

/** State of the flow table that a path needs: flows established before, room for new ones, or filled beyond capacity. */
export type TableState = 'established' | 'filling' | 'full';

/** Most that a path may cost, as a multiple of do-nothing, for each family. */
export type Goals = Readonly<Record<Family, number>>;

export interface BenchPath {
  readonly name: string;
  readonly frames: FrameSet;
  readonly table: TableState;
  /** Numbers of flows to measure with. Of a path of new flows: how many begin in one sample. */
  readonly flows: readonly number[];
  /** Name in agent/model/reasons.ts. */
  readonly reason: string;
  readonly verdict: 'tx' | 'pass';
  /** Reasons that some of its packets may be dropped by, together at most this share: where a table leaves a flow no place. */
  readonly refused?: { readonly reasons: readonly string[]; readonly share: number };
  /** With MANY_FLOWS flows; undefined: no goal is set. */
  readonly goals: Goals | undefined;
}

/** The unit: the wrapper with a program that swaps the MAC addresses and sends the frame back. */
export const DO_NOTHING = 'do-nothing';

export const MANY_FLOWS = 10000;
export const BACKENDS = 100;

const few = [1, MANY_FLOWS];
const many = [MANY_FLOWS];
const snat = { frames: 'snat', reason: 'snat_request', verdict: 'tx' } as const;
const reply = { frames: 'reply', reason: 'snat_reply', verdict: 'tx' } as const;
const ipip = { frames: 'ipip', reason: 'dsr_ipip', verdict: 'tx' } as const;
const l2 = { frames: 'l2', reason: 'dsr_l2', verdict: 'tx' } as const;
const local = { frames: 'local', reason: 'local', verdict: 'pass' } as const;
const transit = { frames: 'transit', reason: 'no_service', verdict: 'pass' } as const;

/** In a full table nearly all ports and places that a flow may take belong to flows that live. */
const noPlace = { reasons: ['snat_ports', 'flow_table'], share: 0.5 } as const;

const both = (goal: number): Goals => ({ 4: goal, 6: goal });

export const PATHS: readonly BenchPath[] = [
  { name: 'snat-established', ...snat, table: 'established', flows: few, goals: { 4: 2.9, 6: 3.4 } },
  { name: 'snat-reply', ...reply, table: 'established', flows: few, goals: { 4: 2.9, 6: 3.4 } },
  { name: 'snat-new', ...snat, table: 'filling', flows: many, goals: both(22) },
  { name: 'snat-new-full', ...snat, refused: noPlace, table: 'full', flows: many, goals: both(36) },
  { name: 'dsr-ipip-established', ...ipip, table: 'established', flows: few, goals: { 4: 3.2, 6: 3.7 } },
  { name: 'dsr-ipip-new', ...ipip, table: 'filling', flows: many, goals: both(12) },
  { name: 'dsr-ipip-new-full', ...ipip, table: 'full', flows: many, goals: both(18) },
  { name: 'dsr-l2-established', ...l2, table: 'established', flows: few, goals: both(2.7) },
  { name: 'pass-local', ...local, table: 'established', flows: few, goals: both(1.4) },
  { name: 'pass-transit', ...transit, table: 'established', flows: few, goals: both(2.8) },
];

/** The path of this name. Throws RangeError when there is none: that is a defect of the caller. */
export function pathNamed(name: string): BenchPath {
  const path = PATHS.find((candidate) => candidate.name === name);
  if (path === undefined) throw new RangeError(`no path ${name}`);
  return path;
}

/** One of the veth loop's rows: a path's frames, sent through devices. */
export interface LoopPath {
  readonly name: string;
  /** Whose frames, reason and flows. */
  readonly path: BenchPath;
  /** Least share of do-nothing's rate in the same loop. */
  readonly goal: number;
}

/** The unit of the veth loop: the do-nothing program attached to the device. */
export const LOOP_NOTHING = 'veth-loop-do-nothing';

export const LOOP_PATHS: readonly LoopPath[] = [
  { name: 'veth-loop-snat', path: pathNamed('snat-established'), goal: 0.75 },
  { name: 'veth-loop-dsr-ipip', path: pathNamed('dsr-ipip-established'), goal: 0.75 },
];

/** Names that --path takes. */
export const PATH_NAMES: readonly string[] = [DO_NOTHING, ...PATHS.map(({ name }) => name), ...LOOP_PATHS.map(({ name }) => name)];
