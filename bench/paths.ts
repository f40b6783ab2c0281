// The ways of a packet that the benchmark measures, as data: what is sent, what must come of it, and what it may cost.
// Imports agent/model only.
// Invariant: a path names the reason that each of its packets must be counted by; bench/measure.ts refuses any other outcome.

/** Frames that the wrapper sends; bench/scene.ts builds them. */
export type FrameSet = 'snat' | 'reply' | 'ipip' | 'l2' | 'local' | 'transit';

/** State of the flow table that a path needs: flows established before, room for new ones, or filled beyond capacity. */
export type TableState = 'established' | 'filling' | 'full';

export interface BenchPath {
  readonly name: string;
  readonly about: string;
  readonly frames: FrameSet;
  readonly table: TableState;
  /** Numbers of flows to measure with. Of a path of new flows: how many begin in one sample. */
  readonly flows: readonly number[];
  /** Name in agent/model/reasons.ts. */
  readonly reason: string;
  readonly verdict: 'tx' | 'pass';
  /** The most that it may cost with MANY_FLOWS flows, as a multiple of do-nothing; undefined: no goal is set. */
  readonly goal: number | undefined;
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

export const PATHS: readonly BenchPath[] = [
  { name: 'snat-established', about: 'SNAT request of a known flow', ...snat, table: 'established', flows: few, goal: 3.4 },
  { name: 'snat-reply', about: 'SNAT reply of a known flow', ...reply, table: 'established', flows: few, goal: 3.4 },
  { name: 'snat-new', about: 'first packet of an SNAT flow', ...snat, table: 'filling', flows: many, goal: 30 },
  { name: 'snat-new-full', about: 'the same, flow table full', ...snat, table: 'full', flows: many, goal: undefined },
  { name: 'dsr-ipip-established', about: 'DSR by IPIP, known flow', ...ipip, table: 'established', flows: few, goal: 3.7 },
  { name: 'dsr-ipip-new', about: 'first packet of a DSR flow', ...ipip, table: 'filling', flows: many, goal: 16 },
  { name: 'dsr-ipip-new-full', about: 'the same, flow table full', ...ipip, table: 'full', flows: many, goal: undefined },
  { name: 'dsr-l2-established', about: 'DSR by MAC address, known flow', ...l2, table: 'established', flows: few, goal: undefined },
  { name: 'pass-local', about: 'to the LB itself (ssh)', ...local, table: 'established', flows: few, goal: undefined },
  { name: 'pass-transit', about: 'TCP that is for no service', ...transit, table: 'established', flows: few, goal: undefined },
];

/** Names that --path takes. */
export const PATH_NAMES: readonly string[] = [DO_NOTHING, ...PATHS.map((path) => path.name)];
