// `mode update`: what new flows get from now on. Existing flows keep theirs, so nothing breaks.
// Imports agent/model and its siblings.

import { parseMode } from '../model/parse.js';
import { MODES } from '../model/service.js';
import { warnOfPorts } from '../model/warn-ports.js';
import { countNoun } from './numbers.js';
import { defineVerb, required } from './verb.js';
import { writeWarnings } from './write-warnings.js';

export const modeUpdate = defineVerb({
  words: 'mode update',
  summary: 'switch the mode of new flows; others keep theirs',
  details: 'Services with a mode of their own (service update --mode) keep it.',
  examples: ['mode update dsr', 'mode update snat'],
  flags: {},
  argument: required({ name: 'mode', placeholder: 'snat|dsr', text: 'mode of new flows', parse: parseMode, choices: MODES }),
  async run({ agent, out, err }, { argument }) {
    const { mode, before } = await agent.setMode(argument);
    if (mode === before) return out.write(`mode is already ${mode}\n`);
    const services = await agent.listServices();
    const own = services.filter((service) => service.ownMode).length;
    const apart = own === 0 ? '' : ` (${own} with a mode of their own)`;
    await out.write(`mode ${mode} (was ${before}); ${countNoun(services.length, 'service')}${apart}; existing flows keep theirs\n`);
    await writeWarnings(err, services.flatMap(warnOfPorts));
  },
});
