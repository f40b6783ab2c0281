// What an operator can ask for that makes another program: each feature with the choices that compile to different code.
// Imports agent/model and agent/datapath. A new feature is one more line of FEATURES; a test finds a macro that no line varies.
// Invariant: the first choice of a feature is the one that leaves most out.

import { buildConfig, buildMacros, platformMacros } from '../../agent/datapath/macros.js';
import { DEFAULT_SETTINGS, type Settings } from '../../agent/model/settings.js';

/** Settings, and the facts of the machine, that differ from those of BASE. */
interface Choice {
  readonly word: string;
  readonly settings?: Partial<Settings>;
  readonly lbAddresses?: readonly string[];
  readonly multiBuffer?: boolean;
}

export interface Feature {
  readonly name: string;
  readonly choices: readonly Choice[];
}

const LB4 = ['20.1.1.1', '20.1.1.2', '20.1.1.3', '20.1.1.4'];
const LB6 = ['2001:db8::1', '2001:db8::2', '2001:db8::3', '2001:db8::4'];

export const FEATURES: readonly Feature[] = [
  { name: 'frags', choices: [{ word: 'no' }, { word: 'yes', multiBuffer: true }] },
  { name: 'lb-address', choices: [{ word: 'one' }, { word: 'four', lbAddresses: [...LB4, ...LB6] }] },
  {
    name: 'new-flow-rate',
    choices: [
      { word: 'any', settings: { newFlowRate: 0 } },
      { word: 'bound', settings: { newFlowRate: 100_000 } },
    ],
  },
  { name: 'fragments-early', choices: [{ word: 'drop' }, { word: 'pass', settings: { earlyFragments: 'pass' } }] },
  { name: 'vip-unknown-port', choices: [{ word: 'pass' }, { word: 'drop', settings: { vipUnknownPort: 'drop' } }] },
  {
    name: 'answer-rate',
    choices: [
      { word: 'none', settings: { answerRate: 0 } },
      { word: 'some', settings: { answerRate: 1000 } },
    ],
  },
  { name: 'mss-clamp', choices: [{ word: 'none' }, { word: 'some', settings: { mssClamp: 1400 } }] },
  {
    name: 'vip-echo',
    choices: [
      { word: 'off', settings: { vipEcho: false } },
      { word: 'on', settings: { vipEcho: true } },
    ],
  },
  {
    name: 'on-no-backend',
    choices: [
      { word: 'drop' },
      { word: 'reset', settings: { noBackend: 'reset' } },
      { word: 'unreachable', settings: { noBackend: 'unreachable' } },
    ],
  },
  {
    name: 'syn-challenge',
    choices: [
      { word: 'off' },
      { word: 'pressed', settings: { synChallenge: 'pressed' } },
      { word: 'always', settings: { synChallenge: 'always' } },
    ],
  },
  { name: 'ipip-source', choices: [{ word: 'none' }, { word: 'prefix', settings: { ipipSource: { address: '10.9.0.0', length: 16 } } }] },
  {
    name: 'snat-address',
    choices: [
      { word: 'none' },
      { word: 'ipv4', settings: { snatAddresses: LB4 } },
      { word: 'ipv6', settings: { snatAddresses: LB6 } },
      { word: 'both', settings: { snatAddresses: [...LB4, ...LB6] } },
    ],
  },
];

/** One choice (its index) of each feature, in their order. */
export type Combination = readonly number[];

/** The combination as people write it: 'frags=yes mss-clamp=some', what leaves most out being unsaid; 'all off' for the least. */
export function nameOf(combination: Combination): string {
  const said = FEATURES.flatMap(({ name, choices }, i) =>
    (combination[i] ?? 0) === 0 ? [] : [`${name}=${choices[combination[i] ?? 0]?.word}`],
  );
  return said.length === 0 ? 'all off' : said.join(' ');
}

/** clang's macros of a combination. Times, seeds, ports and sizes are numbers in the same code, so one value stands for all. */
export function macrosOf(combination: Combination): Readonly<Record<string, string>> {
  const chosen = FEATURES.map(({ choices }, i) => choices[combination[i] ?? 0] as Choice);
  const settings: Settings = Object.assign({}, DEFAULT_SETTINGS, ...chosen.map((choice) => choice.settings ?? {}));
  const config = buildConfig(settings, {
    layoutDigest: '00000001',
    ticksPerSecond: 250,
    snatRange: [1024, 32767],
    lbAddresses: chosen.find(({ lbAddresses }) => lbAddresses !== undefined)?.lbAddresses ?? ['20.1.1.1', '2001:db8::1'],
    bootIdentity: 'verifier matrix',
  });
  return { ...buildMacros(config, settings), ...platformMacros({ multiBuffer: chosen.some(({ multiBuffer }) => multiBuffer === true) }) };
}

export const MAP_NAME = 'settings from the map';

/** Macros of the build that reads its settings from the config map. */
export const MAP_MACROS: Readonly<Record<string, string>> = { FL_CONFIG_FROM_MAP: '1' };
