// `status`: what runs, how full it is, what it counted, and what does not work as it should.
// Imports agent/model and its siblings.

import { formatFrontend, formatPortRange } from '../model/format.js';
import type { StatusView } from '../model/views.js';
import { OUTPUT } from './flags.js';
import { formatAge, formatCount, formatShare } from './numbers.js';
import { renderTable, wrapText } from './table.js';
import { defineVerb } from './verb.js';

export const status = defineVerb({
  words: 'status',
  summary: 'show the data plane, its counters and its warnings',
  details: 'Counters are those of the data plane since it was set up, by reason; reasons that never occurred are left out (JSON has all).',
  examples: ['status', 'status -o json'],
  flags: { output: OUTPUT },
  async run({ agent, out }, { output }) {
    const view = await agent.status();
    await output.answer(out, { name: 'status', value: view, toText: (width) => formatStatus(view, width) });
  },
});

const LABEL = 11;

function formatStatus(view: StatusView, width: number): string {
  const line = (label: string, text: string) =>
    wrapText(text, width - LABEL)
      .map((part, index) => `${(index === 0 ? label : '').padEnd(LABEL)}${part}\n`)
      .join('');
  const { program, flows } = view;
  const unresolved = view.unresolvedBackends === 0 ? '' : `, ${view.unresolvedBackends} without a next hop`;
  const head = [
    line('instance', `${view.instance}, pid ${view.pid}`),
    line('mode', `${view.mode}, DSR by ${view.dispatch}`),
    line('program', `${program.name}, id ${program.id}, ${program.instructions} instructions, digest ${program.digest.slice(0, 12)}`),
    ...view.devices.map((one) =>
      line(
        'device',
        `${one.name}: ${one.xdpMode}, link ${one.linkId}, ${one.mac}, MTU ${one.mtu}, ${one.addresses.join(', ') || 'no address'}`,
      ),
    ),
    line('SNAT ports', formatPortRange(view.snatRange)),
    line('services', `${view.services}`),
    line('backends', `${view.backends}${unresolved}`),
    line('flows', `${flows.entries} of ${flows.limit} (${formatShare(flows.limit === 0 ? 0 : flows.entries / flows.limit)})`),
    ...view.snatPorts.map((gauge) =>
      line('fullest', `${formatFrontend(gauge)}: ${gauge.inUse} of ${gauge.limit} SNAT ports (${formatShare(gauge.inUse / gauge.limit)})`),
    ),
    ...view.warnings.map((warning, index) => line('warning', warning + ageOf(view.warningsSince[index]))),
  ];
  return `${head.join('')}\n${formatCounters(view, width)}`;
}

/** ' (for 3m)'; nothing where it is not known. */
function ageOf(since: number | undefined): string {
  return since === undefined ? '' : ` (for ${formatAge(Date.now() / 1000 - since)})`;
}

function formatCounters(view: StatusView, width: number): string {
  const counters = view.counters.filter((one) => one.packets > 0);
  if (counters.length === 0) return 'no packets counted yet\n';
  return renderTable(
    [
      { title: 'Reason', value: (one) => one.name },
      { title: 'Kind', value: (one) => one.kind },
      { title: 'Packets', align: 'right', value: (one) => formatCount(one.packets) },
      { title: 'Bytes', align: 'right', value: (one) => formatCount(one.bytes) },
      { title: 'Meaning', value: (one) => one.text },
    ],
    counters,
    width,
  );
}
