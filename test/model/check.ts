// Many random sequences, until one is found in which model and kernel differ; that one is then shrunk and told.
// Imports fast-check and its siblings.
// Invariant: a seed says it all but the clock. What differs once and not again is counted and told, never hidden.

import fc from 'fast-check';
import type { Kernel } from './kernel.js';
import { onOneCpu } from './one-cpu.js';
import { playSequence, type Sequence, sequences, Tally, tellStory } from './sequence.js';
import type { Settings } from './state.js';

export interface Campaign {
  readonly seed: number;
  readonly sequences: number;
  /** Steps of a sequence, at most. */
  readonly steps: number;
  readonly settings?: Settings;
}

/** A difference must come again so many times: on a busy machine the clock makes one in a hundred sequences differ once, and some twice. */
const REPLAYS = 3;
/** Milliseconds that a sequence is shrunk for. */
const SHRINKING = 20_000;

/**
 * Throws an error whose message is the story of the shortest sequence found. The program reads the clock more than once for some packets: a tick
 * between two of its looks makes a difference that does not come again, which `tally.unrepeated` gets.
 */
export function checkSequences(kernel: Kernel, campaign: Campaign, tally: Tally): void {
  onOneCpu(() => kernel.inside(() => check(kernel, campaign, tally)));
}

function check(kernel: Kernel, { seed, sequences: numRuns, steps, settings }: Campaign, tally: Tally): void {
  let first = '';
  const found = fc.check(
    fc.property(sequences(steps), (sequence) => {
      const finding = playSequence(kernel, sequence, tally, settings);
      if (finding === undefined) return true;
      const differsAgain = () => playSequence(kernel, sequence, new Tally(), settings) !== undefined;
      if (Array.from({ length: REPLAYS }).every(differsAgain)) {
        first = finding.difference;
        return false;
      }
      tally.unrepeated.push(finding.difference);
      return true;
    }),
    { seed, numRuns, endOnFailure: true },
  );
  if (found.errorInstance instanceof Error && found.errorInstance.message !== 'Property failed by returning false')
    throw found.errorInstance;
  if (!found.failed) return;
  const shorter = fc.check(
    fc.property(sequences(steps), (sequence) => {
      const differs = () => playSequence(kernel, sequence, new Tally(), settings) !== undefined;
      return !(differs() && differs()); // twice: else the clock would end up in the story
    }),
    { seed, path: found.counterexamplePath ?? '', numRuns: 1, interruptAfterTimeLimit: SHRINKING },
  );
  const [sequence] = (shorter.counterexample ?? found.counterexample) as [Sequence];
  throw new Error(
    `model and kernel differ (seed ${seed}, path ${found.counterexamplePath}): ${first}\n${tellStory(kernel, sequence, settings)}`,
  );
}
