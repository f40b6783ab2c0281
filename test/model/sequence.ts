// A sequence of steps against model and kernel, and the story of one in which they differ.
// Imports its siblings and fast-check.
// Invariant: after every packet verdict, reason, packet and maps are compared; nothing is compared only at the end.

import fc from 'fast-check';
import type { Kernel } from './kernel.js';
import type { Settings, State } from './state.js';
import { resolveStep } from './resolve.js';
import { type Step, step } from './steps.js';
import { buildWorld, type Choices, choices } from './world.js';

export interface Sequence {
  readonly world: Choices;
  readonly steps: readonly Step[];
}

export const sequences = (most: number): fc.Arbitrary<Sequence> =>
  fc.record({ world: choices, steps: fc.array(step, { minLength: 1, maxLength: most, size: 'max' }) });

/** What a run of sequences has seen: packets by reason. */
export class Tally {
  readonly reasons = new Map<string, number>();
  /** Differences that did not come again. */
  readonly unrepeated: string[] = [];
  packets = 0;

  add(reason: string): void {
    this.packets++;
    this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + 1);
  }
}

export interface Finding {
  /** Index of the step, and what differed. */
  readonly at: number;
  readonly difference: string;
}

/** Plays the sequence. Undefined: model and kernel agree all along. `tell` gets a line for each step. */
export function playSequence(
  kernel: Kernel,
  { world, steps }: Sequence,
  tally: Tally,
  settings?: Settings,
  tell?: (line: string) => void,
): Finding | undefined {
  let state: State = buildWorld(world, { ticksPerSecond: kernel.ticksPerSecond, slots: kernel.slots, now: kernel.now() }, settings);
  kernel.put(state);
  for (const [at, given] of steps.entries()) {
    const event = resolveStep(state, given, kernel.now());
    if ('state' in event) {
      state = event.state;
      kernel.put(state);
      tell?.(`${at + 1}. ${JSON.stringify(given)}`);
      continue;
    }
    const { frame, ingress } = event.packet;
    const { outcome, difference } = kernel.run(state, frame, ingress);
    tell?.(
      `${at + 1}. ${describeStep(given)}, ${frame.length} bytes by device ${ingress}: ${outcome.verdict} ${outcome.reason}\n   ${showFrame(frame)}`,
    );
    if (difference !== undefined) return { at, difference };
    tally.add(outcome.reason);
    state = outcome.state;
  }
  const difference = kernel.checkRest(state);
  return difference === undefined ? undefined : { at: steps.length, difference };
}

/** Hex, long repetitions shortened. */
const showFrame = (frame: Buffer): string =>
  frame.toString('hex').replace(/(..)\1{11,}/g, (run, byte: string) => ` [${run.length / 2} times ${byte}] `);

function describeStep(given: Step): string {
  if (given.kind === 'bytes') return 'random bytes';
  const { kind, ...rest } = given;
  const { shape, damage, ...who } = rest as { shape?: unknown; damage?: unknown };
  return `${kind} ${JSON.stringify(who)} damage ${JSON.stringify(damage)}`;
}

/** A difference told so that it can be followed by hand. */
export function tellStory(kernel: Kernel, sequence: Sequence, settings?: Settings): string {
  const lines: string[] = [];
  const finding = playSequence(kernel, sequence, new Tally(), settings, (line) => lines.push(line));
  const end = finding === undefined ? 'played again, the two agree: it hung on the clock' : `step ${finding.at + 1}: ${finding.difference}`;
  const world = JSON.stringify(sequence.world, (_, value) => (typeof value === 'bigint' ? `${value}n` : value));
  return [`world ${settings === undefined ? '' : '(compiled settings) '}${world}`, ...lines, end].join('\n');
}
