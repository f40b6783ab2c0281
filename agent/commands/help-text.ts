// Help as people read it, made from the verbs: the overview, one noun, one verb.
// Imports its siblings. agent/cli uses the same layout for the flags of the command line.
// Invariant: no line is wider than `width`, except a single word that is.

import { wrapText } from './table.js';
import { type AnyFlag, flagUsage, type Verb, verbUsage } from './verb.js';

const INDENT = 2;
const FLAG_COLUMN = 26;

/** Every command with its summary. */
export function overviewText(verbs: readonly Verb[], width: number): string {
  const lead = 'Commands. `help COMMAND` explains one; lines that begin with # are ignored.\n\n';
  return lead + verbs.map((verb) => entry(withAlias(verb), verb.summary, width)).join('');
}

/** Help on 'service' or 'service update'; undefined when there is no such command. */
export function topicText(verbs: readonly Verb[], topic: string, width: number): string | undefined {
  const verb = verbs.find((one) => one.words === topic || one.alias === topic);
  if (verb !== undefined) return verbText(verb, width);
  const ofNoun = verbs.filter((one) => one.words.startsWith(`${topic} `));
  return ofNoun.length === 0 ? undefined : ofNoun.map((one) => entry(one.words, one.summary, width)).join('');
}

/** All about one verb. */
export function verbText(verb: Verb, width: number): string {
  const parts = [`${withAlias(verb)}: ${verb.summary}\n`, `Usage: ${usageText(verbUsage(verb), width - 7, 7)}`];
  if (verb.details !== undefined) parts.push(`${wrapText(verb.details, width).join('\n')}\n`);
  const operand = verb.argument === undefined ? [] : [entry(verb.argument.placeholder, verb.argument.text, width)];
  const flags = Object.values(verb.flags);
  if (operand.length + flags.length > 0) parts.push(operand.join('') + flagsText(flags, width));
  parts.push(examplesText(verb.examples));
  return parts.join('\n');
}

/** One entry for each flag: how it is given, what it means, its default. */
export function flagsText(flags: readonly AnyFlag[], width: number): string {
  return flags
    .map((flag) => entry(`${flag.short === undefined ? '' : `-${flag.short}, `}${flagUsage(flag)}`, flagNote(flag), width))
    .join('');
}

/** 'text (default: table)', 'text (required)'. */
export function flagNote(flag: AnyFlag): string {
  const fallback = flag.fallbackText ?? flag.fallback;
  return `${flag.text}${flag.required ? ' (required)' : fallback === undefined ? '' : ` (default: ${fallback})`}`;
}

export function examplesText(examples: readonly string[]): string {
  return `${examples.length === 1 ? 'Example' : 'Examples'}:\n${examples.map((example) => `  ${example}\n`).join('')}`;
}

function withAlias(verb: Verb): string {
  return verb.alias === undefined ? verb.words : `${verb.words}, ${verb.alias}`;
}

/** A name and, in a column of its own, its text; a long name stands on a line of its own. */
function entry(name: string, text: string, width: number): string {
  const lines = wrapText(text, width - FLAG_COLUMN);
  const head = ' '.repeat(INDENT) + name;
  const beside = head.length + 2 <= FLAG_COLUMN;
  const first = beside ? `${head.padEnd(FLAG_COLUMN)}${lines.shift() ?? ''}\n` : `${head}\n`;
  return first + lines.map((line) => `${' '.repeat(FLAG_COLUMN)}${line}\n`).join('');
}

/** The words of a usage line, continued under the first word after the indent. */
export function usageText(words: readonly string[], width: number, indent: number): string {
  // A flag in brackets may hold no blank, so breaking at blanks keeps it whole, except '[-o a|b]'.
  const lines = wrapText(words.map((word) => word.replaceAll(' ', '\u00a0')).join(' '), width);
  return `${lines.join(`\n${' '.repeat(indent)}`).replaceAll('\u00a0', ' ')}\n`;
}
