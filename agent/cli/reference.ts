// docs/commands.md: the reference of the command line and of every command, made from the same data as help.
// Imports agent/commands and its siblings. A test compares the file with this text.
// Invariant: it depends on the verbs and flags alone.

import { flagNote } from '../commands/help-text.js';
import { type AnyFlag, flagUsage, type Verb, verbUsage } from '../commands/verb.js';
import { CLI_EXAMPLES, ENVIRONMENT, EXIT_STATUS, PURPOSE, USAGES } from './command-line.js';
import { RUN_FLAGS, VERSION_FLAG } from './settings-flags.js';

/** The whole page, Markdown. */
export function renderReference(verbs: readonly Verb[]): string {
  return [
    '# Commands\n',
    'Made from the commands themselves (`UPDATE_GOLDEN=1 npx mocha test/agent/cli/reference.test.ts` writes it anew; a test checks it).\n',
    '## cilium-agent, fairlead\n',
    `${PURPOSE}\n`,
    block(USAGES),
    flagTable([...Object.values(RUN_FLAGS), VERSION_FLAG]),
    `${ENVIRONMENT}\n`,
    `${EXIT_STATUS}\n`,
    block(CLI_EXAMPLES),
    '## To a running agent, at the prompt, or from a pipe\n',
    'Each command stands behind `fairlead` too, and goes to the agent that runs: `fairlead service list`.\n',
    'One command a line. Lines that begin with `#` and empty lines are ignored; quotes keep words together. Both `--id=1` and `--id 1` are right. ' +
      'At a terminal Tab completes, Ctrl-C cancels the running command or clears the line, Ctrl-D leaves. ' +
      'In a pipe answers go to the standard output, errors and warnings to the standard error. `-o json` is described in [json.md](json.md).\n',
    ...verbs.map(verbSection),
  ].join('\n');
}

function verbSection(verb: Verb): string {
  const title = verb.alias === undefined ? verb.words : `${verb.words}, ${verb.alias}`;
  const summary = `${verb.summary.charAt(0).toUpperCase()}${verb.summary.slice(1)}.`;
  const flags = [...(verb.argument === undefined ? [] : [verb.argument]), ...Object.values(verb.flags)];
  return [
    `### ${title}\n`,
    `${summary}${verb.details === undefined ? '' : ` ${verb.details}`}\n`,
    block([verbUsage(verb).join(' ')]),
    ...(flags.length === 0 ? [] : [flagTable(flags, verb.argument)]),
    block(verb.examples),
  ].join('\n');
}

function flagTable(flags: readonly AnyFlag[], argument?: AnyFlag): string {
  const rows = flags.map((flag) => {
    const use = flag === argument ? flag.placeholder : `${flag.short === undefined ? '' : `-${flag.short}, `}${flagUsage(flag)}`;
    return `| \`${escapeCell(use)}\` | ${escapeCell(flagNote(flag))} |\n`;
  });
  return `| | |\n|---|---|\n${rows.join('')}`;
}

function block(lines: readonly string[]): string {
  return `${lines.map((line) => `    ${line}\n`).join('')}`;
}

/** A bar would end the table's cell. */
function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|');
}
