// A line of the prompt to words, as a shell would split it: blanks separate, single and double quotes keep together.
// Imports agent/model/errors.ts alone. No expansion, no escape characters: nothing in our values needs them.
// Invariant: splitting never loses a character outside quotes and blanks.

import { FairleadError } from '../model/errors.js';

/** The words of `line`. Throws FL_E_USAGE when a quote is not closed. */
export function splitLine(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (const character of line) {
    if (quote !== '') {
      if (character === quote) quote = '';
      else word += character;
    } else if (character === '"' || character === "'") {
      quote = character;
      word ??= '';
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + character;
  }
  if (quote !== '') throw new FairleadError('FL_E_USAGE', `the quote ${quote} is not closed`, { hint: `add a second ${quote}` });
  if (word !== undefined) words.push(word);
  return words;
}

/** Whether the line asks for nothing: blank, or a comment. */
export function isBlankLine(line: string): boolean {
  return /^\s*(#|$)/.test(line);
}
