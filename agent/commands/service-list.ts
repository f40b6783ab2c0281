// `service list`: all services, one line each.
// Imports agent/model and its siblings.

import { writeIpvsadm } from '../config/ipvsadm/write-ipvsadm.js';
import { formatPlace } from '../model/format.js';
import { parseWord } from '../model/parse.js';
import { OUTPUT } from './flags.js';
import { policyColumns } from './policy-text.js';
import { countReady, formatServiceMode } from './service-text.js';
import { countNoun } from './numbers.js';
import { writeTable } from './table.js';
import { defineVerb, optional } from './verb.js';
import { writeWarnings } from './write-warnings.js';

const FOREIGN = ['ipvsadm'] as const;

export const serviceList = defineVerb({
  words: 'service list',
  summary: 'list all services',
  details: 'Ready backends are those that take new flows: active, of a weight above 0, not down by their checks, with a known next hop.',
  examples: ['service list', 'service list -o json', 'service list --format=ipvsadm'],
  flags: {
    output: OUTPUT,
    format: optional({
      name: 'format',
      placeholder: FOREIGN.join('|'),
      text: 'write it as other tools read it: ipvsadm, for `ipvsadm -R`',
      parse: (text, where) => parseWord(text, 'format', FOREIGN, where),
      choices: FOREIGN,
    }),
  },
  async run({ agent, out, err }, { output, format }) {
    const services = await agent.listServices();
    if (format === 'ipvsadm') {
      const { lines, left, lost } = writeIpvsadm(services, (await agent.status()).dispatch);
      await out.write(lines.map((line) => `${line}\n`).join(''));
      return writeWarnings(err, [...left, ...lost]);
    }
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
