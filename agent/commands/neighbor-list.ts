// `neighbor list`: the next hops towards the backends.
// Imports its siblings.

import { OUTPUT } from './flags.js';
import { NEIGHBOUR_COLUMNS } from './neighbor-text.js';
import { countNoun } from './numbers.js';
import { renderTable } from './table.js';
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
      toText: (sink) => {
        if (neighbours.length === 0) return sink.write('no next hops\n');
        return sink.write(`${renderTable(NEIGHBOUR_COLUMNS, neighbours, sink.columns)}${countNoun(neighbours.length, 'next hop')}\n`);
      },
    });
  },
});
