// `service list`: all services, one line each.
// Imports agent/model and its siblings.

import { formatPlace } from '../model/format.js';
import { OUTPUT } from './flags.js';
import { policyColumns } from './policy-text.js';
import { countReady, formatServiceMode } from './service-text.js';
import { countNoun } from './numbers.js';
import { writeTable } from './table.js';
import { defineVerb } from './verb.js';

export const serviceList = defineVerb({
  words: 'service list',
  summary: 'list all services',
  details: 'Ready backends are those that take new flows: active, of a weight above 0, not down by their checks, with a known next hop.',
  examples: ['service list', 'service list -o json'],
  flags: { output: OUTPUT },
  async run({ agent, out }, { output }) {
    const services = await agent.listServices();
    await output.rows(out, {
      name: 'services',
      rows: services,
      toText: async (sink) => {
        if (services.length === 0) return sink.write('no services\n');
        await writeTable(
          sink,
          [
            { title: 'Id', align: 'right', value: (service) => String(service.id) },
            { title: 'Frontend', value: (service) => formatPlace(service.frontend) },
            { title: 'Proto', value: (service) => service.frontend.protocol },
            { title: 'Mode', value: formatServiceMode },
            { title: 'Backends', align: 'right', value: (service) => String(service.backends.length) },
            { title: 'Ready', align: 'right', value: (service) => String(countReady(service)) },
            ...policyColumns(services),
          ],
          services,
        );
        return sink.write(`${countNoun(services.length, 'service')}\n`);
      },
    });
  },
});
