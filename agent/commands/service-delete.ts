// `service delete`: takes a service away; its flows end.
// Imports its siblings.

import { SERVICE_ID } from './flags.js';
import { formatService } from './service-text.js';
import { defineVerb } from './verb.js';

export const serviceDelete = defineVerb({
  words: 'service delete',
  summary: 'delete a service; its flows end',
  examples: ['service delete --id=1'],
  flags: { id: SERVICE_ID },
  async run({ agent, out }, { id }) {
    await out.write(`${formatService(await agent.deleteService(id), 'deleted')}\n`);
  },
});
