// `exit`, `quit`: leaves; the data plane stays.
// Imports its siblings.

import { defineVerb } from './verb.js';

export const exit = defineVerb({
  words: 'exit',
  alias: 'quit',
  summary: 'leave the agent; traffic goes on',
  details: 'Ctrl-D does the same. The data plane forwards without the agent; the next start takes it over. `unload` takes it away.',
  examples: ['exit'],
  flags: {},
  async run({ leave }) {
    leave('exit');
  },
});
