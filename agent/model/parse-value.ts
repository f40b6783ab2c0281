// What all parsers share: how a wrong value is shown, whole numbers, and words out of a list.
// Imports its siblings only. A parser takes the text and where it stood ("--frontend", "--backends, entry 2").
// Invariant: every refusal is FL_E_VALUE, names the value as it was given and says what would be right.

import { FairleadError } from './errors.js';
import { nearestWord } from './nearest.js';

const DECIMAL = /^(?:0|[1-9][0-9]*)$/;
const LONGEST_SHOWN = 60;
/** A week: the data plane's 32-bit ticks cover it at any clock rate. */
export const LONGEST_SECONDS = 604800;

/** The value as it goes into a message: quoted when it is empty or holds anything but visible ASCII, cut when long. */
export function showValue(text: string): string {
  const cut = text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}...` : text;
  return /^[\x21-\x7e]+$/.test(cut) ? cut : JSON.stringify(cut).replace(/[^\x20-\x7e]/g, escapeCharacter);
}

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** FL_E_VALUE: '<where>: <kind> <value>: <problem>'. */
export function valueError(kind: string, text: string, problem: string, where?: string, hint?: string): FairleadError {
  const message = `${where === undefined ? '' : `${where}: `}${kind} ${showValue(text)}: ${problem}`;
  return new FairleadError('FL_E_VALUE', message, hint === undefined ? {} : { hint });
}

export interface IntegerRange {
  /** What the number is, as messages name it: 'port', 'id'. */
  readonly kind: string;
  readonly min: number;
  readonly max: number;
}

/** A whole decimal number from min to max, without sign, leading zeros or spaces. */
export function parseInteger(text: string, range: IntegerRange, where?: string): number {
  const value = DECIMAL.test(text) ? Number(text) : Number.NaN;
  if (value >= range.min && value <= range.max) return value;
  throw valueError(range.kind, text, `not a number from ${range.min} to ${range.max}`, where);
}

/** Seconds between two looks at something, 0.1 to 3600. */
export function parseInterval(text: string, where?: string): number {
  const value = /^[0-9]{1,4}(\.[0-9]{1,3})?$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 0.1 && value <= 3600) return value;
  throw valueError('seconds', text, 'not a number from 0.1 to 3600', where);
}

/** One of `words`, exactly as written there; the hint names the nearest one. */
export function parseWord<Word extends string>(text: string, kind: string, words: readonly Word[], where?: string): Word {
  const found = words.find((word) => word === text);
  if (found !== undefined) return found;
  const near = nearestWord(text, words);
  throw valueError(kind, text, `not one of ${words.join(', ')}`, where, near === undefined ? undefined : `did you mean ${near}?`);
}

/** Parses each part of a comma-separated list; messages name the entry by its place, from 1. */
export function parseList<Item>(text: string, parseItem: (part: string, where: string) => Item, where?: string): Item[] {
  const parts = text.split(',');
  return parts.map((part, index) => {
    const place = parts.length === 1 ? where : where === undefined ? `entry ${index + 1}` : `${where}, entry ${index + 1}`;
    return parseItem(part, place as string);
  });
}
