// `neighbor list`: the next hops towards the backends.
// Imports its siblings.

import { OUTPUT } from './flags.js';
import { NEIGHBOUR_COLUMNS } from './neighbor-text.js';
import { countNoun } from './numbers.js';
import { writeTable } from './table.js';
import { defineVerb } from './verb.js';

export const neighborList = defineVerb({
  words: 'neighbor list',
  summary: 'list the next hops towards the backends',
  examples: ['neighbor list', 'neighbor list -o json'],
  flags: { output: OUTPUT },
  async run({ agent, out }, { output }) {
    const neighbours = await agent.listNeighbours();
    await output.rows(out, {
      name: 'neighbors',
      rows: neighbours,
      toText: async (sink) => {
        if (neighbours.length === 0) return sink.write('no next hops\n');
        await writeTable(sink, NEIGHBOUR_COLUMNS, neighbours);
        return sink.write(`${countNoun(neighbours.length, 'next hop')}\n`);
      },
    });
  },
});
