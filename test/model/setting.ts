// Settings that an operator changes while packets come.
// Imports the state's types.
// Invariant: settings that are compiled into the program stay.

import type { Settings, State } from './state.js';

/** Names and values. */
export const SETTINGS: readonly (readonly [name: keyof Settings, values: readonly number[]])[] = [
  ['unknownPortDrops', [0, 1]],
  ['snat4Sources', [0, 1, 2, 3, 4]],
  ['snat6Sources', [0, 1, 2, 3, 4]],
];

/** Picks both by number. */
export function changeSetting(state: State, name: number, value: number): State {
  if (state.settings.compiled) return state;
  const [changed, values] = SETTINGS[name % SETTINGS.length] as (typeof SETTINGS)[number];
  return { ...state, settings: { ...state.settings, [changed]: values[value % values.length] } };
}
