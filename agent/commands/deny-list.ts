// `deny list`: the clients that no service takes.
// Imports its siblings.

import { OUTPUT } from './flags.js';
import { countNoun } from './numbers.js';
import { defineVerb } from './verb.js';

export const denyList = defineVerb({
  words: 'deny list',
  summary: 'list the clients that no service takes',
  examples: ['deny list', 'deny list -o json'],
  flags: { output: OUTPUT },
  async run({ agent, out }, { output }) {
    const prefixes = await agent.listDenied();
    await output.rows(out, {
      name: 'denied',
      rows: prefixes,
      toText: async (sink) => {
        const lines = prefixes.map((prefix) => `${prefix}\n`).join('');
        return sink.write(
          prefixes.length === 0 ? 'no client is denied\n' : `${lines}${countNoun(prefixes.length, 'prefix', 'prefixes')}\n`,
        );
      },
    });
  },
});
