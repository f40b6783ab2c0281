// One line of text to one answer: split, parse, run, and print what went wrong.
// Imports its siblings. The prompt and piped input both come through here.
// Invariant: runLine never rejects, and each line that asks for something gets an answer or an error.

import { EXIT, type ExitStatus } from '../model/errors.js';
import { buildTree } from './build-tree.js';
import { formatError, statusOf } from './format-error.js';
import { HelpShown } from './read-flags.js';
import { isBlankLine, splitLine } from './split-line.js';
import type { CommandContext } from './verb.js';
import { VERBS } from './verbs.js';

/** Exit status that the line would have as a program of its own. `debug`: stacks of defects are shown. */
export async function runLine(line: string, context: CommandContext, debug = false): Promise<ExitStatus> {
  if (isBlankLine(line)) return EXIT.done;
  let help = '';
  try {
    const tree = buildTree(VERBS, context, (text) => {
      help += text;
    });
    await tree.parseAsync(splitLine(line), { from: 'user' });
    return EXIT.done;
  } catch (error) {
    if (error instanceof HelpShown) {
      await context.out.write(help);
      return EXIT.done;
    }
    await context.err.write(formatError(error, context.err, debug));
    return statusOf(error);
  }
}
