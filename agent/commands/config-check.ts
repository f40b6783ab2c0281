// `config check`: whether a file could be applied, as far as the file alone tells.
// Imports its siblings.

import { CONFIG_FILE, readConfigFile } from './config-file.js';
import { countNoun } from './numbers.js';
import { defineVerb } from './verb.js';

export const configCheck = defineVerb({
  words: 'config check',
  summary: 'check a configuration file; no agent is needed',
  details:
    'Every error is told with its line and column. Addresses of this node, and limits of the agent that runs, are looked at when the file is applied.',
  examples: ['config check /etc/fairlead/config.yaml'],
  flags: {},
  argument: CONFIG_FILE,
  async run({ out }, { argument }) {
    const { state } = readConfigFile(argument);
    const backends = state.services.reduce((sum, service) => sum + service.backends.length, 0);
    await out.write(
      `${argument} is right: ${countNoun(state.services.length, 'service')}, ${countNoun(backends, 'backend')}, mode ${state.mode}\n`,
    );
  },
});
