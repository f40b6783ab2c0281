// `unload`: takes the data plane away. The only command that stops traffic; it ends the session, as nothing is left to command.
// Imports its siblings.

import { countNoun } from './numbers.js';
import { defineVerb } from './verb.js';

export const unload = defineVerb({
  words: 'unload',
  summary: 'take the data plane away: traffic stops; and leave',
  details:
    'Removes the program from its devices, its maps and all flows. The services stay in the state file: the next start sets them up again.',
  examples: ['unload'],
  flags: {},
  async run({ agent, out, leave }) {
    const before = await agent.status();
    await agent.unload();
    leave('unloaded');
    const devices = before.devices.map((device) => device.name).join(', ');
    const from = devices === '' ? '' : ` from ${devices}`;
    await out.write(
      `unloaded: program ${before.program.name} removed${from}, its maps too; ${countNoun(before.flows.entries, 'flow')} ended\n`,
    );
    await out.write(`${countNoun(before.services, 'service')} kept in the state file for the next start\n`);
  },
});
