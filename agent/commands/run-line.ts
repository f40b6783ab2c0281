// One line of text, or the words of a command line, to one answer: parse, run, and print what went wrong.
// Imports its siblings. The prompt, piped input and single commands all come through here.
// Invariant: runLine and runWords never reject, and what asks for something gets an answer or an error.

import { EXIT, type ExitStatus } from '../model/errors.js';
import { buildTree } from './build-tree.js';
import { formatError, statusOf } from './format-error.js';
import { HelpShown } from './read-flags.js';
import { isBlankLine, splitLine } from './split-line.js';
import { AnsweredNo, type CommandContext } from './verb.js';
import { VERBS } from './verbs.js';

/** Exit status that the line would have as a program of its own. `debug`: stacks of defects are shown. */
export async function runLine(line: string, context: CommandContext, debug = false): Promise<ExitStatus> {
  return isBlankLine(line) ? EXIT.done : run(() => splitLine(line), context, debug);
}

/** The same for words that a shell has taken apart. */
export function runWords(words: readonly string[], context: CommandContext, debug = false): Promise<ExitStatus> {
  return run(() => words, context, debug);
}

async function run(read: () => readonly string[], context: CommandContext, debug: boolean): Promise<ExitStatus> {
  let help = '';
  try {
    const tree = buildTree(VERBS, context, (text) => {
      help += text;
    });
    await tree.parseAsync(withoutNoise(read()), { from: 'user' });
    return EXIT.done;
  } catch (error) {
    if (error instanceof HelpShown) {
      await context.out.write(help);
      return EXIT.done;
    }
    if (error instanceof AnsweredNo) return EXIT.failed;
    await context.err.write(formatError(error, context.err, debug));
    return statusOf(error);
  }
}

/** Without the words that mean nothing to the verb that the line begins with. */
function withoutNoise(words: readonly string[]): readonly string[] {
  const noise = VERBS.find((verb) => verb.words === words[0])?.argument?.noise ?? [];
  return words.filter((word) => !noise.includes(word));
}
