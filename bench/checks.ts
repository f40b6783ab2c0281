// Whether packets took the path that a figure is given for: verdict, reason, and what they left in the flow table.
// Imports agent/model/errors.ts and its siblings' types.
// Invariant: no figure for a path that was not taken; every check here ends in an error, never in a note.

import { FairleadError } from '../agent/model/errors.js';
import type { BenchPath } from './paths.js';
import type { Sample } from './wrapper.js';

/** Flow entries of a scene, and the packets that they counted together. */
export interface FlowCount {
  readonly entries: number;
  readonly packets: number;
}

/** An LRU map keeps some entries back on each CPU, so it is full with a little less than its size. */
const FULL_SHARE = 0.9;

function otherPath(message: string): FairleadError {
  return new FairleadError('FL_E_SYSTEM', message, { hint: 'the path measured is not the one meant; no figure is given' });
}

/** Throws FL_E_SYSTEM when the sample's last packet got another verdict. */
export function checkVerdict(name: string, sample: Sample, verdict: Sample['verdict']): void {
  if (sample.verdict === verdict) return;
  throw otherPath(`${name}: the program answered ${sample.verdict}, not ${verdict}`);
}

/** Checks that `before` to `after` (packets by reason) grew by `runs` for the path's reason and by nothing else. */
export function checkReasons(
  path: { name: string; reason: string | undefined },
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
  runs: number,
): void {
  const grown = [...after]
    .map(([reason, count]) => ({ reason, count: count - (before.get(reason) ?? 0) }))
    .filter(({ count }) => count !== 0);
  const right =
    path.reason === undefined ? grown.length === 0 : grown.length === 1 && grown[0]?.reason === path.reason && grown[0].count === runs;
  if (right) return;
  const found = grown.map(({ reason, count }) => `${count} ${reason}`).join(', ') || 'none';
  const wanted = path.reason === undefined ? 'none' : `${runs} ${path.reason}`;
  throw otherPath(`${path.name}: packets were counted as ${found}; expected ${wanted}`);
}

/**
 * Checks that a path of new flows began a flow with each packet: every entry has counted one packet, and there are as many
 * entries as flows were begun (`begun`), or about as many as the table holds (`limit`) where it is full.
 */
export function checkNewFlows(path: Pick<BenchPath, 'name' | 'table'>, found: FlowCount, begun: number, limit: number): void {
  const { entries, packets } = found;
  const enough = path.table === 'full' ? entries >= limit * FULL_SHARE : entries === begun;
  if (enough && packets === entries) return;
  throw otherPath(`${path.name}: ${begun} new flows left ${entries} entries of ${packets} packets in a table of ${limit}`);
}

/** Checks that the paths of known flows have begun none. */
export function checkKnownFlows(before: FlowCount, after: FlowCount): void {
  if (before.entries === after.entries) return;
  throw otherPath(`established flows: ${before.entries} entries before, ${after.entries} after`);
}
