// `help`: all commands, or one of them in full.
// Imports its siblings. Takes the list of verbs as a function, since it stands in that list itself.

import { overviewText, topicText } from './help-text.js';
import { unknownCommand } from './usage-errors.js';
import { defineVerb, optional, type Verb } from './verb.js';

export function makeHelp(verbs: () => readonly Verb[]): Verb {
  return defineVerb({
    words: 'help',
    summary: 'explain the commands, or one of them',
    examples: ['help', 'help service update'],
    flags: {},
    argument: {
      ...optional({ name: 'command', placeholder: 'COMMAND', text: 'the words of a command', parse: (text) => text }),
      variadic: true,
    },
    async run({ out }, { argument }) {
      if (argument === undefined) return out.write(overviewText(verbs(), out.columns));
      const text = topicText(verbs(), argument, out.columns);
      if (text === undefined) throw unknownCommand(argument, verbs());
      return out.write(text);
    },
  });
}
