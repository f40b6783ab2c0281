// `cls`: clears the terminal.
// Imports its siblings.

import { defineVerb } from './verb.js';

export const cls = defineVerb({
  words: 'cls',
  summary: 'clear the screen',
  examples: ['cls'],
  flags: {},
  async run({ out }) {
    // ECMA-48: cursor home, erase the screen; 3J erases the scrollback too (xterm).
    if (out.terminal) await out.write('\x1b[H\x1b[2J\x1b[3J');
  },
});
