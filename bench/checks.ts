// Whether packets took the path that a figure is given for: verdict, reason, and what they left in the flow table.
// Imports agent/model/errors.ts and its siblings' types.
// Invariant: no figure for a path that was not taken; every check here ends in an error, never in a note.

import { FairleadError } from '../agent/model/errors.js';
import type { BenchPath } from './paths.js';
import type { Sample } from './wrapper.js';

/** Flow entries of a scene, and the packets that they counted together; undefined: not read, which takes a second. */
export interface FlowCount {
  readonly entries: number;
  readonly packets?: number;
}

/** A table that gives each flow few places to stand in is full, and loses a flow now and then, before the last place is taken. */
const FULL_SHARE = 0.8;
const KEPT_SHARE = 0.999;

function otherPath(message: string): FairleadError {
  return new FairleadError('FL_E_SYSTEM', message, { hint: 'the path measured is not the one meant; no figure is given' });
}

/** What a path's packets are counted by, and by what else some of them may be. */
export type Outcome = Pick<BenchPath, 'name' | 'refused'> & { readonly reason: string | undefined };

/** Throws FL_E_SYSTEM when the sample's last packet got another verdict. */
export function checkVerdict(path: Pick<BenchPath, 'name' | 'refused'>, sample: Pick<Sample, 'verdict'>, verdict: Sample['verdict']): void {
  if (sample.verdict === verdict || (path.refused !== undefined && sample.verdict === 'drop')) return;
  throw otherPath(`${path.name}: the program answered ${sample.verdict}, not ${verdict}`);
}

/** Checks that `before` to `after` (packets by reason) grew by `runs` for the path's reason, or those it may refuse by, and by nothing else. */
export function checkReasons(
  { name, reason, refused }: Outcome,
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
  runs: number,
): void {
  const grown = [...after]
    .map(([counted, count]) => ({ reason: counted, count: count - (before.get(counted) ?? 0) }))
    .filter(({ count }) => count !== 0);
  const countOf = (wanted: string | undefined) => grown.find((each) => each.reason === wanted)?.count ?? 0;
  const refusals = (refused?.reasons ?? []).reduce((sum, each) => sum + countOf(each), 0);
  const taken = reason === undefined ? 0 : runs;
  const others = grown.filter((each) => each.reason !== reason && !refused?.reasons.includes(each.reason));
  if (others.length === 0 && countOf(reason) + refusals === taken && refusals <= runs * (refused?.share ?? 0)) return;
  const found = grown.map(({ reason: counted, count }) => `${count} ${counted}`).join(', ') || 'none';
  const allowed = refused === undefined ? '' : `, of them ${refused.share * 100} % ${refused.reasons.join(' or ')} at most`;
  throw otherPath(`${name}: packets were counted as ${found}; expected ${reason === undefined ? 'none' : `${runs} ${reason}${allowed}`}`);
}

/**
 * Checks that a path of new flows began a flow with each packet: every entry has counted one packet, and there are as many
 * entries as flows were begun (`begun`; one in 1000 may have been pushed out), or about as many as the table holds (`limit`) where it is full.
 */
export function checkNewFlows(path: Pick<BenchPath, 'name' | 'table'>, found: FlowCount, begun: number, limit: number): void {
  const { entries, packets = entries } = found;
  const enough = path.table === 'full' ? entries >= limit * FULL_SHARE : entries <= begun && entries >= begun * KEPT_SHARE;
  if (enough && packets === entries) return;
  throw otherPath(`${path.name}: ${begun} new flows left ${entries} entries of ${packets} packets in a table of ${limit}`);
}

/** Checks that the paths of known flows have begun none; entries of the table. */
export function checkKnownFlows(before: number, after: number): void {
  if (before === after) return;
  throw otherPath(`established flows: ${before} entries before, ${after} after`);
}
