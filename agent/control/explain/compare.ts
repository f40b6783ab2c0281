// What the program did with a packet, beside what was said that it would do.
// Imports agent/model alone.

import type { Outcome } from '../../model/explanation.js';
import type { FrameView } from '../../model/frame.js';

const FIELDS: readonly (readonly [Exclude<keyof FrameView, 'outer'>, string])[] = [
  ['source', 'source address'],
  ['sourcePort', 'source port'],
  ['destination', 'destination address'],
  ['destinationPort', 'destination port'],
  ['protocol', 'protocol'],
  ['sourceMac', 'source MAC address'],
  ['destinationMac', 'destination MAC address'],
  ['hops', 'hops left'],
  ['bytes', 'bytes of the frame'],
];

/** One line for each thing that is otherwise: 'source port: 32768 was said, 32770 it is'. */
export function compareOutcomes(said: Outcome, done: Outcome): readonly string[] {
  const pairs: (readonly [string, unknown, unknown])[] = [
    ['verdict', said.verdict, done.verdict],
    ['reason', said.reason, done.reason],
    ['slot of the flow', said.slot, done.slot],
  ];
  const { frame } = said;
  if (frame !== undefined && done.frame === undefined) pairs.push(['frame', `one of ${frame.bytes} bytes`, undefined]);
  else if (frame !== undefined) {
    for (const [field, name] of FIELDS) pairs.push([name, frame[field], done.frame?.[field]]);
    pairs.push(['outer source', frame.outer?.source, done.frame?.outer?.source]);
    pairs.push(['outer destination', frame.outer?.destination, done.frame?.outer?.destination]);
  }
  return pairs.filter(([, a, b]) => a !== b).map(([name, a, b]) => `${name}: ${a ?? 'none'} was said, ${b ?? 'none'} it is`);
}
