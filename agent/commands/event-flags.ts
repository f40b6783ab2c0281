// The flags that monitor and capture share: which packets, how many.
// Imports agent/model and its siblings.

import { EVENT_KINDS, type EventFilter, type EventKind, usualKinds } from '../model/events.js';
import { parseInteger, parsePositiveInteger, parseServiceId, parseWord } from '../model/parse.js';
import { parsePrefix } from '../model/parse-prefix.js';
import { parseList } from '../model/parse-value.js';
import { REASONS } from '../model/reasons.js';
import { optional, type ValuesOf } from './verb.js';

const REASON_NAMES = REASONS.map(({ name }) => name);
/** Of --sample: one packet of every four billion is as good as none. */
const MAX_NUMBER = 0xffff_ffff;

export const EVENT_FLAGS = {
  service: optional({
    name: 'service',
    placeholder: 'N',
    text: 'packets of this service alone, both ways',
    parse: parseServiceId,
    offers: 'service',
  }),
  address: optional({
    name: 'address',
    placeholder: 'IP[/LEN]',
    text: 'packets that came in with such a source or destination alone',
    parse: parsePrefix,
  }),
  reason: optional({
    name: 'reason',
    placeholder: 'NAME',
    text: 'packets that ended by this reason alone (docs/errors.md lists them)',
    parse: (text, where) => parseWord(text, 'reason', REASON_NAMES, where),
    choices: REASON_NAMES,
  }),
  kind: optional({
    name: 'kind',
    placeholder: 'KIND[,KIND...]',
    text: `kinds of events: ${EVENT_KINDS.join(', ')}`,
    parse: (text, where) => parseList(text, (part, place) => parseWord<EventKind>(part, 'kind', EVENT_KINDS, place), where),
    fallbackText: 'with --reason what it can be seen by, else new-flow,drop; with --sample also sample',
    choices: EVENT_KINDS,
  }),
  sample: optional({
    name: 'sample',
    placeholder: 'N',
    text: 'one packet of N becomes a sample, on each CPU',
    parse: (text, where) => parsePositiveInteger(text, 'number', where, MAX_NUMBER),
    fallbackText: '1',
  }),
  rate: optional({
    name: 'rate',
    placeholder: 'N',
    text: 'events a second and CPU at most, the rest is left out and counted; 0: no bound',
    parse: (text, where) => parseInteger(text, { kind: 'rate', min: 0, max: MAX_NUMBER }, where),
    fallbackText: '1000',
  }),
  count: optional({
    name: 'count',
    placeholder: 'N',
    text: 'end after so many events',
    parse: (text, where) => parsePositiveInteger(text, 'count', where),
    fallbackText: 'go on until Ctrl-C',
  }),
} as const;

/** What the flags ask for; `snap`: bytes of packet. */
export function toFilter(flags: ValuesOf<typeof EVENT_FLAGS>, snap: number): EventFilter {
  const { service, address, reason, sample } = flags;
  const usual = usualKinds(REASONS.find(({ name }) => name === reason)?.kind);
  const kinds = flags.kind ?? [...usual, ...(sample === undefined ? [] : (['sample'] as const))];
  return { kinds: [...new Set(kinds)], sample: sample ?? 1, rate: flags.rate ?? 1000, snap, service, prefix: address, reason };
}
