// `neighbor update`: asks the network again for the MAC address of a next hop.
// Imports agent/model and its siblings.

import { parseNextHop } from '../model/parse.js';
import { OUTPUT } from './flags.js';
import { defineVerb, required } from './verb.js';

export const neighborUpdate = defineVerb({
  words: 'neighbor update',
  summary: 'ask for the MAC address of a next hop again',
  details: 'Waits up to 2 seconds for the answer. The agent follows changes by itself; this is for impatience.',
  examples: ['neighbor update 20.1.1.10'],
  flags: { output: OUTPUT },
  argument: required({
    name: 'address',
    placeholder: 'IP',
    text: 'address of the next hop; of a link-local one with its device where needed: fe80::1%eth0',
    parse: parseNextHop,
    offers: 'next-hop',
  }),
  async run({ agent, out }, { argument, output }) {
    const view = await agent.updateNeighbour(argument);
    const where =
      view.mac === undefined ? view.state : `${view.mac}${view.device === undefined ? '' : ` on ${view.device}`}, ${view.state}`;
    await output.answer(out, { name: 'neighbor', value: view, toText: () => `neighbor ${view.address}: ${where}\n` });
  },
});
