// The benchmark's command line: text to plain options.
// Imports commander, agent/model/errors.ts and bench/paths.ts.
// Invariant: a wrong value names itself and what would be right; nothing here writes or ends the process.

import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { FairleadError } from '../agent/model/errors.js';
import { PATH_NAMES } from './paths.js';

export interface BenchOptions {
  readonly json: boolean;
  readonly rounds: number;
  /** Names of the paths to measure. */
  readonly paths: readonly string[];
  /** The scale-* rows too. */
  readonly scale: boolean;
  /** File that the run is appended to. */
  readonly save: string | undefined;
  /** File whose last run this one is compared with. */
  readonly compare: string | undefined;
}

/** What is absent when it was not given. */
interface Chosen {
  readonly path?: readonly string[];
  readonly save?: string;
  readonly compare?: string;
}

const DEFAULT_ROUNDS = 11;
const MAX_ROUNDS = 1000;

function parseRounds(text: string): number {
  const rounds = Number(text);
  if (!/^[0-9]+$/.test(text) || rounds < 1 || rounds > MAX_ROUNDS) {
    throw new InvalidArgumentError(`rounds ${text}: not a number from 1 to ${MAX_ROUNDS}`);
  }
  return rounds;
}

function parsePaths(text: string, before: readonly string[] | undefined): readonly string[] {
  const names = text.split(',');
  for (const name of names) {
    if (!PATH_NAMES.includes(name)) throw new InvalidArgumentError(`path ${name}: not one of ${PATH_NAMES.join(', ')}`);
  }
  return [...(before ?? []), ...names];
}

/**
 * Reads the arguments after the program's name. Help goes to `write`, and undefined is returned for it.
 * Throws FL_E_USAGE for an unknown flag, FL_E_VALUE for a value that is not one.
 */
export function parseOptions(args: readonly string[], write: (text: string) => void): BenchOptions | undefined {
  const command = new Command('bench')
    .description('Measures what each way of a packet through the data plane costs, in nanoseconds and as a multiple of doing nothing.')
    .option('--rounds <n>', 'rounds to take medians over, 7 or more for figures to rely on', parseRounds, DEFAULT_ROUNDS)
    .option('--path <names>', `paths to measure, separated by commas: ${PATH_NAMES.join(', ')} (default: all)`, parsePaths)
    .option('--scale', 'measure also how cost grows with services, backends and flows; takes minutes more', false)
    .option('--save <file>', 'append the run to this file, a JSON line')
    .option('--compare <file>', 'fail when a row is more than 10 % worse than in the last run of this file')
    .option('--json', 'print the results as JSON', false)
    .helpOption('--help', 'show this help')
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeOut: write, writeErr: () => {} });
  try {
    command.parse([...args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === 'commander.helpDisplayed') return undefined;
    const wrongValue = error.code === 'commander.invalidArgument';
    const message = error.message.replace(/^error: /, '');
    throw new FairleadError(wrongValue ? 'FL_E_VALUE' : 'FL_E_USAGE', message, { hint: 'npm run bench -- --help shows the options' });
  }
  const { path, save, compare, ...rest } = command.opts<Pick<BenchOptions, 'rounds' | 'json' | 'scale'> & Chosen>();
  return { ...rest, save, compare, paths: path ?? PATH_NAMES };
}
