// `service list`: all services, one line each.
// Imports agent/model and its siblings.

import { writeIpvsadm } from '../config/ipvsadm/write-ipvsadm.js';
import { formatPlace } from '../model/format.js';
import { parseWord } from '../model/parse.js';
import { OUTPUT } from './flags.js';
import { policyColumns } from './policy-text.js';
import { countReady, formatServiceMode } from './service-text.js';
import type { Format } from './formats.js';
import { countNoun } from './numbers.js';
import { COUNTER_COLUMNS, RATE, RATE_COLUMNS, readCounters, serviceRow, type StatsRow } from './stats-text.js';
import { writeTable } from './table.js';
import { type CommandContext, defineVerb, optional } from './verb.js';
import { writeWarnings } from './write-warnings.js';

const FOREIGN = ['ipvsadm'] as const;

export const serviceList = defineVerb({
  words: 'service list',
  summary: 'list all services',
  details:
    'Ready backends are those that take new flows: active, of a weight above 0, not down by their checks, with a known next hop. ' +
    'With --stats what each service counted: Tx to backends, Rx to clients (under SNAT alone), Refused packets that would have begun a flow; ' +
    'with --rate how much of it a second. `stats` has the backends, too.',
  examples: ['service list', 'service list --stats', 'service list --rate=5', 'service list -o json', 'service list --format=ipvsadm'],
  flags: {
    stats: optional({ name: 'stats', placeholder: '', text: 'what each service counted', parse: () => true, bare: true }),
    rate: RATE,
    output: OUTPUT,
    format: optional({
      name: 'format',
      placeholder: FOREIGN.join('|'),
      text: 'write it as other tools read it: ipvsadm, for `ipvsadm -R`',
      parse: (text, where) => parseWord(text, 'format', FOREIGN, where),
      choices: FOREIGN,
    }),
  },
  async run(context, { stats, rate, output, format }) {
    if (stats || rate !== undefined) return listStats(context, rate, output);
    const { agent, out, err } = context;
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

async function listStats(context: CommandContext, rate: number | undefined, output: Format): Promise<void> {
  const counted = await readCounters(context, rate);
  if (counted === undefined) return;
  const services = await context.agent.listServices();
  const byId = new Map(counted.services.map((service) => [service.id, service]));
  const rows = services.flatMap((service) => {
    const { backends, id: _id, frontend: _frontend, ...stats } = byId.get(service.id) ?? {};
    return backends === undefined ? [] : [{ ...service, stats }];
  });
  await output.rows(context.out, {
    name: 'services',
    head: { at: counted.at, perSecond: rate !== undefined },
    rows,
    toText: async (sink) => {
      if (counted.services.length === 0) return sink.write('no services\n');
      await writeTable(
        sink,
        [
          { title: 'Id', align: 'right', value: ({ service }: StatsRow) => String(service) },
          { title: 'Frontend', value: ({ name, protocol }: StatsRow) => `${name}/${protocol}` },
          ...(rate === undefined ? COUNTER_COLUMNS : RATE_COLUMNS),
        ],
        counted.services.map(serviceRow),
      );
      return sink.write(`${countNoun(counted.services.length, 'service')}\n`);
    },
  });
}
