// `stats`: what each service and each of its backends counted, for people and for what reads HAProxy's statistics.
// Imports agent/model and its siblings.

import { FairleadError } from '../model/errors.js';
import { parseServiceId, parseWord } from '../model/parse.js';
import { ratesBetween, type ServiceStats, type StatsView } from '../model/stats.js';
import { OUTPUT } from './flags.js';
import { FORMATS } from './formats.js';
import { formatHaproxyCsv } from './haproxy-csv.js';
import { backendRows, COUNTER_COLUMNS, pause, RATE, RATE_COLUMNS, serviceRow, type StatsRow } from './stats-text.js';
import { writeTable } from './table.js';
import { type CommandContext, defineVerb, optional, withDefault } from './verb.js';

const TEXT_FORMATS = ['table', 'haproxy-csv'] as const;
type TextFormat = (typeof TEXT_FORMATS)[number];

export const stats = defineVerb({
  words: 'stats',
  summary: 'show what services and backends counted',
  details:
    'Tx: packets that were sent on to backends, and bytes of their frames as received; Rx: replies that were sent on to clients, under SNAT alone. ' +
    'Refused: packets that would have begun a flow and did not; other drops are counted by reason (`status`). ' +
    'A backend counts from when it joined its service; what former backends counted stays in the service’s line. ' +
    'haproxy-csv has the columns of HAProxy’s `show stat`, those empty that have no value here.',
  examples: ['stats', 'stats --id=1 --rate=5', 'stats --format=haproxy-csv', 'stats -o json'],
  flags: {
    id: optional({
      name: 'id',
      placeholder: 'N',
      text: 'this service alone, 1 to 65535',
      parse: parseServiceId,
      offers: 'service' as const,
    }),
    rate: RATE,
    format: withDefault<TextFormat>(
      {
        name: 'format',
        placeholder: TEXT_FORMATS.join('|'),
        text: 'what to print',
        parse: (text, where) => parseWord<TextFormat>(text, 'format', TEXT_FORMATS, where),
        choices: TEXT_FORMATS,
      },
      'table',
    ),
    output: OUTPUT,
  },
  async run(context, { id, rate, format, output }) {
    if (format === 'haproxy-csv' && output !== FORMATS.table)
      throw new FairleadError('FL_E_USAGE', 'stats: --format=haproxy-csv is text, and -o json is not', { hint: 'give one of the two' });
    if (id !== undefined) await context.agent.getService(id);
    const before = only(await context.agent.readStats(), id);
    if (rate !== undefined) await pause(rate, context.signal);
    if (context.signal.aborted) return;
    const counted = rate === undefined ? before : only(await context.agent.readStats(), id);
    const rates = rate === undefined ? undefined : ratesBetween(before, counted);
    if (format === 'haproxy-csv') {
      const views = await context.agent.listServices();
      return context.out.write(formatHaproxyCsv(views, counted, rates, Date.now() / 1000));
    }
    const { services } = rates ?? counted;
    await output.rows(context.out, {
      name: 'services',
      head: { at: counted.at, perSecond: rates !== undefined },
      rows: services,
      toText: () => writeServices(context, services, rates !== undefined),
    });
  },
});

const only = (view: StatsView, id: number | undefined): StatsView =>
  id === undefined ? view : { ...view, services: view.services.filter((service) => service.id === id) };

/** A line of each service, and below it one of each of its backends. */
async function writeServices({ out }: CommandContext, services: readonly ServiceStats[], perSecond: boolean): Promise<void> {
  if (services.length === 0) return out.write('no services\n');
  const rows = services.flatMap((service) => [serviceRow(service), ...backendRows(service)]);
  await writeTable(
    out,
    [
      { title: 'Id', align: 'right', value: (row: StatsRow) => (row.refused === undefined ? '' : String(row.service)) },
      {
        title: 'Service, backend',
        value: (row: StatsRow) => (row.refused === undefined ? `  ${row.name}` : `${row.name}/${row.protocol}`),
      },
      ...(perSecond ? RATE_COLUMNS : COUNTER_COLUMNS),
    ],
    rows,
  );
}
