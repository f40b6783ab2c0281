// man/fairlead.1: the reference of the command line and of every command as a manual page, made from the same data as help.
// Imports agent/commands and its siblings. A test compares the file with this text.
// Invariant: it depends on the verbs and flags alone; text cannot become a request of roff.

import { flagNote } from '../commands/help-text.js';
import { type AnyFlag, flagUsage, type Verb, verbUsage } from '../commands/verb.js';
import { CLI_EXAMPLES, ENVIRONMENT, EXIT_STATUS, PURPOSE, USAGES } from './command-line.js';
import { RUN_FLAGS, VERSION_FLAG } from './settings-flags.js';

/** The whole page, in the macros of man(7). */
export function renderManPage(verbs: readonly Verb[]): string {
  return [
    '.\\" Made from the commands themselves: UPDATE_GOLDEN=1 npx mocha test/agent/cli/man-page.test.ts writes it anew.',
    '.TH FAIRLEAD 1 "" Fairlead "Fairlead manual"',
    '.SH NAME',
    'fairlead, cilium-agent \\- layer-4 load balancer in XDP',
    '.SH SYNOPSIS',
    USAGES.map(roff).join('\n.br\n'),
    '.SH DESCRIPTION',
    roff(PURPOSE),
    '.SH FLAGS OF AN AGENT',
    ...[...Object.values(RUN_FLAGS), VERSION_FLAG].map((flag) => item(flagWords(flag), flagNote(flag))),
    '.SH COMMANDS',
    roff('At the prompt, from a pipe, or behind `fairlead` to the agent that runs.'),
    ...verbs.map(verbSection),
    '.SH ENVIRONMENT',
    roff(ENVIRONMENT.replace(/^Environment: /, '')),
    '.SH EXIT STATUS',
    roff(EXIT_STATUS.replace(/^Exit status: /, '')),
    '.SH EXAMPLES',
    example(CLI_EXAMPLES),
    '.SH SEE ALSO',
    'bpftool(8), ip\\-link(8), systemd.service(5)',
    '',
  ].join('\n');
}

function verbSection(verb: Verb): string {
  const { argument, details, summary } = verb;
  const flags = [
    ...(argument === undefined ? [] : [item(argument.placeholder, flagNote(argument))]),
    ...Object.values(verb.flags).map((flag) => item(flagWords(flag), flagNote(flag))),
  ];
  return [
    `.SS ${quoted(verb.alias === undefined ? verb.words : `${verb.words}, ${verb.alias}`)}`,
    `.B ${quoted(verbUsage(verb).join(' '))}`,
    '.PP',
    roff(`${summary.charAt(0).toUpperCase()}${summary.slice(1)}.${details === undefined ? '' : ` ${details}`}`),
    ...flags,
    ...(verb.examples.length === 0 ? [] : [example(verb.examples)]),
  ].join('\n');
}

function flagWords(flag: AnyFlag): string {
  return `${flag.short === undefined ? '' : `-${flag.short}, `}${flagUsage(flag)}`;
}

function item(words: string, text: string): string {
  return `.TP\n.B ${quoted(words)}\n${roff(text)}`;
}

function example(lines: readonly string[]): string {
  return ['.PP', '.RS', '.nf', ...lines.map(roff), '.fi', '.RE'].join('\n');
}

/** Text as roff prints it: backslashes and hyphens are themselves, and no line begins a request (groff_char(7)). */
function roff(text: string): string {
  const escaped = text.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll('`', '\\`');
  return escaped.replaceAll(/^(?=[.'])/gm, '\\&');
}

/** An argument of a request. */
function quoted(text: string): string {
  return `"${roff(text).replaceAll('"', '""')}"`;
}
