// `config export`: what runs, as a file that `config apply` takes.
// Imports agent/config and its siblings.

import { writeConfig } from '../config/write-config.js';
import { defineVerb } from './verb.js';

export const configExport = defineVerb({
  words: 'config export',
  summary: 'print services, mode and deny list as a configuration file',
  details: 'What is as it would be anyway is left out. Applied again, the file changes nothing.',
  examples: ['config export'],
  flags: {},
  async run({ agent, out }) {
    await out.write(writeConfig(await agent.getDesired()));
  },
});
