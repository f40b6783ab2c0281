// FL_E_USAGE errors: an unknown word, a missing or surplus flag. Each names what was given and the nearest right thing.
// Imports agent/model and its siblings.

import { FairleadError } from '../model/errors.js';
import { nearestWord } from '../model/nearest.js';
import { type AnyFlag, flagUsage, type Verb } from './verb.js';

const LONGEST_SHOWN = 60;

/** `words` is what was typed up to the word that is not known: 'servce', 'service updte'. */
export function unknownCommand(words: string, verbs: readonly Verb[]): FairleadError {
  const known = verbs.flatMap((verb) => [verb.words, verb.words.split(' ')[0] ?? '', verb.alias ?? '']).filter((one) => one !== '');
  const near = nearestWord(words, new Set(known));
  const asked = near === undefined ? '' : `: did you mean "${near}"?`;
  const noun = words.split(' ')[0] ?? '';
  const siblings = verbs.filter((verb) => verb.words.startsWith(`${noun} `)).map((verb) => verb.words.slice(noun.length + 1));
  const hint = siblings.length === 0 ? '`help` lists all commands' : `${noun} has: ${siblings.join(', ')}`;
  return new FairleadError('FL_E_USAGE', `unknown command ${quote(words)}${asked}`, { hint });
}

/** `given` with its dashes: '--ids'. */
export function unknownFlag(given: string, command: string, flags: readonly AnyFlag[], help: string): FairleadError {
  const name = given.split('=')[0] ?? '';
  const near = nearestWord(name, ['--help', ...flags.map((flag) => `--${flag.name}`)]);
  const asked = near === undefined ? '' : `: did you mean "${near}"?`;
  const hint = flags.length === 0 ? `${command} takes no flags` : `\`${help}\` lists the flags`;
  return new FairleadError('FL_E_USAGE', `${command}: unknown flag ${quote(name)}${asked}`, { hint });
}

export function missingFlag(command: string, flag: AnyFlag, example: string): FairleadError {
  return new FairleadError('FL_E_USAGE', `${command}: ${flagUsage(flag)} is missing`, { hint: `for example: ${example}` });
}

export function missingArgument(command: string, argument: AnyFlag, example: string): FairleadError {
  return new FairleadError('FL_E_USAGE', `${command}: ${argument.placeholder} is missing`, { hint: `for example: ${example}` });
}

/** `given` with its dashes: '--id'. */
export function missingValue(command: string, given: string, example: string): FairleadError {
  return new FairleadError('FL_E_USAGE', `${command}: ${given} needs a value`, { hint: `for example: ${example}` });
}

export function surplusWord(command: string, word: string, example: string): FairleadError {
  return new FairleadError('FL_E_USAGE', `${command}: ${quote(word)} is one word too many`, { hint: `for example: ${example}` });
}

/** In double quotes, cut when long; whatever is not visible ASCII or a blank is escaped. */
function quote(text: string): string {
  const shown = text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}...` : text;
  return JSON.stringify(shown).replace(/[^\x20-\x7e]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
