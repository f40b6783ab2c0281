// Settings that an operator changes while packets come.
// Imports the state's types.
// Invariant: settings that are compiled into the program stay.

import type { Settings, State } from './state.js';

/** Those that may change together, each with what they may become. */
export const SETTINGS: readonly (readonly Partial<Settings>[])[] = [
  [
    { unknownPortDrops: 1, earlyFragmentsPass: 0 },
    { unknownPortDrops: 0, earlyFragmentsPass: 1 },
    { unknownPortDrops: 0, earlyFragmentsPass: 0 },
  ],
  [1400, 1400, 556, 0].map((mssClamp) => ({ mssClamp })),
  [0, 1, 2, 3, 4].map((snat4Sources) => ({ snat4Sources })),
  [0, 1, 2, 3, 4].map((snat6Sources) => ({ snat6Sources })),
  [
    { answerRate: 1000, noBackend: 1, vipEcho: 1 },
    { answerRate: 1000, noBackend: 2, vipEcho: 1 },
    { answerRate: 3, noBackend: 1 },
    { answerRate: 0, noBackend: 2 },
    { answerRate: 1000, noBackend: 0, vipEcho: 0 },
  ],
];

/** Both are picked by number. */
export function changeSetting(state: State, name: number, value: number): State {
  if (state.settings.compiled) return state;
  const changes = SETTINGS[name % SETTINGS.length] as (typeof SETTINGS)[number];
  // While nothing may be answered nobody looks at the window: it begins anew with each rate.
  return { ...state, answers: { began: 0, count: 0 }, settings: { ...state.settings, ...changes[value % changes.length] } };
}
