// `service get`: one service with its backends.
// Imports agent/model and its siblings.

import { formatFrontend } from '../model/format.js';
import { OUTPUT, SERVICE_ID } from './flags.js';
import { policyLines } from './policy-text.js';
import { backendColumns, formatServiceMode } from './service-text.js';
import { countNoun } from './numbers.js';
import { renderTable, wrapText } from './table.js';
import { defineVerb } from './verb.js';

export const serviceGet = defineVerb({
  words: 'service get',
  summary: 'show one service with its backends',
  examples: ['service get --id=1', 'service get --id=1 -o json'],
  flags: { id: SERVICE_ID, output: OUTPUT },
  async run({ agent, out }, { id, output }) {
    const service = await agent.getService(id);
    await output.answer(out, {
      name: 'service',
      value: service,
      toText: (width) => {
        const { frontend, backends } = service;
        const head = `service ${id}: ${formatFrontend(frontend)}, mode ${formatServiceMode(service)}, ${countNoun(backends.length, 'backend')}`;
        const lines = [head, ...policyLines(service)].map((line) => `${wrapText(line, width).join('\n')}\n`).join('');
        return backends.length === 0 ? lines : lines + renderTable(backendColumns(backends), backends, width);
      },
    });
  },
});
