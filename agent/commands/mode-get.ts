// `mode get`: the mode that new flows get, unless their service has its own.
// Imports its siblings.

import { OUTPUT } from './flags.js';
import { defineVerb } from './verb.js';

export const modeGet = defineVerb({
  words: 'mode get',
  summary: 'show the mode of new flows',
  examples: ['mode get', 'mode get -o json'],
  flags: { output: OUTPUT },
  async run({ agent, out }, { output }) {
    const mode = await agent.getMode();
    await output.answer(out, { name: 'mode', value: mode, toText: () => `mode ${mode}\n` });
  },
});
