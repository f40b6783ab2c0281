// Between commander and the flags as data: gives commander its options, and turns what it found into values.
// Imports commander, agent/model and its siblings. Shared by the prompt's verbs and the command line's settings.
// Invariant: commander only takes words apart; every value is parsed here, once, by its flag's own parser.

import { type Command, type CommanderError, Option } from 'commander';
import { missingFlag, missingValue, surplusWord, unknownFlag } from './usage-errors.js';
import type { AnyFlag, FlagSet } from './verb.js';

/** Thrown when help was asked for; the text has been written by then. */
export class HelpShown extends Error {}

export function addFlags(command: Command, flags: FlagSet): void {
  for (const flag of Object.values(flags)) {
    const short = flag.short === undefined ? '' : `-${flag.short}, `;
    const value = flag.bare ? '' : flag.whenBare === undefined ? ' <value>' : ' [value]';
    const option = new Option(`${short}--${flag.name}${value}`, flag.text);
    if (flag.repeatable) option.argParser((text: string, before?: string) => (before === undefined ? text : `${before},${text}`));
    command.addOption(option);
  }
}

/** The values of all flags, by the keys of `flags`. Throws FL_E_USAGE for a missing one, FL_E_VALUE for a wrong one. */
export function readFlags(command: Command, flags: FlagSet, name: string, example: string): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [key, flag] of Object.entries(flags)) values[key] = readFlag(command, flag, name, example);
  return values;
}

function readFlag(command: Command, flag: AnyFlag, name: string, example: string): unknown {
  const option = command.options.find((one) => one.long === `--${flag.name}`);
  const given: unknown = option === undefined ? undefined : command.getOptionValue(option.attributeName());
  const text = given === true ? (flag.whenBare ?? 'true') : typeof given === 'string' ? given : flag.fallback;
  if (text !== undefined) return flag.parse(text, `--${flag.name}`);
  if (flag.required) throw missingFlag(name, flag, example);
  return undefined;
}

/** What commander refused in our own words, or HelpShown. `name` is the command as typed. */
export function translateCommanderError(
  error: CommanderError,
  command: Command,
  flags: FlagSet,
  name: string,
  example: string,
  help: string,
): Error {
  const quoted = /'([\s\S]*)'/.exec(error.message)?.[1] ?? '';
  const known = Object.values(flags);
  switch (error.code) {
    case 'commander.helpDisplayed':
      return new HelpShown();
    case 'commander.unknownOption':
      return unknownFlag(quoted, name, known, help);
    case 'commander.optionMissingArgument':
      return missingValue(name, /--[^ ]+/.exec(quoted)?.[0] ?? quoted, example);
    case 'commander.excessArguments':
      return surplusWord(name, command.args[command.registeredArguments.length] ?? '', example);
    default:
      return error;
  }
}
