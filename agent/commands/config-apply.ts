// `config diff` and `config apply`: what a file would change, and the change.
// Imports its siblings.

import { CONFIG_FILE, countText, differenceText, readConfigFile } from './config-file.js';
import { isSame } from '../control/state/diff-state.js';
import { defineVerb, optional } from './verb.js';

export const configDiff = defineVerb({
  words: 'config diff',
  summary: 'show what a configuration file would change',
  details: '+ comes, - goes, ~ changes. The agent section is not looked at: it is read when an agent starts.',
  examples: ['config diff /etc/fairlead/config.yaml'],
  flags: {},
  argument: CONFIG_FILE,
  async run({ agent, out }, { argument }) {
    await out.write(differenceText(await agent.replaceDesired(readConfigFile(argument).state, true)));
  },
});

export const configApply = defineVerb({
  words: 'config apply',
  summary: 'make services, mode and deny list those of a configuration file',
  details:
    'All or nothing: an error anywhere changes nothing. What is as the file says already is not touched, and its flows are not disturbed; ' +
    'a service that is not in the file goes.',
  examples: ['config apply /etc/fairlead/config.yaml', 'config apply /etc/fairlead/config.yaml --dry-run'],
  flags: {
    dryRun: optional({ name: 'dry-run', placeholder: '', text: 'only show what would change', parse: () => true, bare: true }),
  },
  argument: CONFIG_FILE,
  async run({ agent, out }, { argument, dryRun }) {
    const difference = await agent.replaceDesired(readConfigFile(argument).state, dryRun === true);
    await out.write(differenceText(difference));
    if (!isSame(difference)) await out.write(`${dryRun === true ? 'would be applied' : 'applied'}: ${countText(difference)}\n`);
  },
});
