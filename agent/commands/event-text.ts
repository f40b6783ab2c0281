// How an event reads: one line, on a terminal folded under its time.
// Imports agent/model and its siblings.
// Invariant: an IPv4 event fits two lines of 80 characters.

import type { EventView } from '../model/events.js';
import { formatEndpoint } from '../model/format.js';
import { type Paint, paint, type Sink } from './sink.js';
import { wrapText } from './table.js';

const COLOURS: Readonly<Record<EventView['kind'], Paint>> = { 'new-flow': 'green', drop: 'red', sample: 'dim' };
/** Width of the time and of the longest kind, a blank behind each. */
const TIME = 13;
const KIND = 9;

/** '12:34:56.789 drop     tcp 20.1.1.100:57652 > 40.1.1.1:80 no_backend, service 1, 74 bytes by eth0'. The time is UTC. */
export function formatEvent(view: EventView, sink: Pick<Sink, 'columns' | 'colour' | 'terminal'>): string {
  const time = new Date(Math.floor(view.time * 1000)).toISOString().slice(11, 23);
  const parts = [tupleOf(view), detailsOf(view).join(', ')];
  const width = sink.terminal ? sink.columns - TIME - KIND : Number.POSITIVE_INFINITY;
  const whole = parts.join(' ');
  const lines = whole.length <= width ? [whole] : parts.flatMap((part) => wrapText(part, width));
  return `${time} ${paint(sink, COLOURS[view.kind], view.kind.padEnd(KIND - 1))} ${lines.join(`\n${' '.repeat(TIME + KIND)}`)}\n`;
}

/** 'no_backend', 'service 1', 'to 20.1.1.10:80', '74 bytes by eth0'. */
export function detailsOf(view: EventView): string[] {
  const { reason, service, backend, backendPort, bytes, device } = view;
  return [
    reason,
    ...(service === undefined ? [] : [`service ${service}`]),
    ...(backend === undefined ? [] : [`to ${formatEndpoint({ address: backend, port: backendPort ?? 0 })}`]),
    `${bytes} bytes by ${device ?? 'a device that is gone'}`,
  ];
}

function tupleOf({ protocol, source, sourcePort, destination, destinationPort }: EventView): string {
  if (source === undefined || destination === undefined) return 'not IP';
  const end = (address: string, port: number | undefined) => (port === undefined ? address : formatEndpoint({ address, port }));
  return `${protocol} ${end(source, sourcePort)} > ${end(destination, destinationPort)}`;
}
