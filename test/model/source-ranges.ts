// Who may begin a flow: the ranges of a service and the list that holds for all, step 1 of "First packet of a flow".
// Imports the state's types, prefix.ts and fast-check.

import fc from 'fast-check';
import { longest, type Prefix, prefixOf, widthOf } from './prefix.js';
import type { Plane, Service } from './state.js';

export interface SourceRange extends Prefix {
  readonly permit: 'allow' | 'deny';
}

/** May this client begin a flow of the service? */
export function mayBegin({ denied = [] }: Plane, { sources = [] }: Service, client: string): boolean {
  if (longest(denied, client)?.permit === 'deny') return false;
  const found = longest(sources, client);
  if (found !== undefined) return found.permit === 'allow';
  return !sources.some(({ permit }) => permit === 'allow');
}

/** A range around the address of a client: how many of its last bits may be anything (12: all), and what it says. */
export type RangeChoice = readonly [client: number, hostBits: number, permit: SourceRange['permit']];

export const rangeChoices = (clients: number): fc.Arbitrary<readonly RangeChoice[]> =>
  fc.array(fc.tuple(fc.nat(clients - 1), fc.nat(12), fc.constantFrom('allow', 'deny')), { maxLength: 5 });

/** `clientOf`: the address of a client by its number. Of two ranges at one prefix the last one holds. */
export function buildRanges(choices: readonly RangeChoice[], clientOf: (client: number) => string): readonly SourceRange[] {
  const ranges = new Map<string, SourceRange>();
  for (const [client, hostBits, permit] of choices) {
    const address = clientOf(client);
    const prefix = prefixOf(address, hostBits === 12 ? 0 : widthOf(address) - hostBits);
    ranges.set(`${prefix.address}/${prefix.bits}`, { ...prefix, permit });
  }
  return [...ranges.values()];
}
