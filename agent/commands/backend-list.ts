// `backend list`: the backends of all services, or of one.
// Imports agent/model and its siblings.

import { parseServiceId } from '../model/parse.js';
import { OUTPUT } from './flags.js';
import { backendColumns } from './service-text.js';
import { countNoun } from './numbers.js';
import { writeTable } from './table.js';
import { defineVerb, optional } from './verb.js';

export const backendList = defineVerb({
  words: 'backend list',
  summary: 'list backends: weight, state, share, next hop',
  details: 'Share is the part of the new flows that the backend gets. The next hop is a device and a MAC address, or why there is none.',
  examples: ['backend list', 'backend list --id=1 -o json'],
  flags: {
    id: optional({ name: 'id', placeholder: 'N', text: 'only those of this service', parse: parseServiceId, offers: 'service' }),
    output: OUTPUT,
  },
  async run({ agent, out }, { id, output }) {
    const backends = id === undefined ? await agent.listBackends() : (await agent.getService(id)).backends;
    await output.rows(out, {
      name: 'backends',
      rows: backends,
      toText: async (sink) => {
        if (backends.length === 0) return sink.write('no backends\n');
        const service = {
          title: 'Service',
          align: 'right',
          value: (backend: (typeof backends)[number]) => String(backend.service),
        } as const;
        await writeTable(sink, [service, ...backendColumns(backends)], backends);
        return sink.write(`${countNoun(backends.length, 'backend')}\n`);
      },
    });
  },
});
