// `monitor`: events of the data plane as they happen.
// Imports agent/model and its siblings.
// Invariant: a line is written as soon as its event is read, and memory does not grow.

import type { EventView } from '../model/events.js';
import { EVENT_FLAGS, toFilter } from './event-flags.js';
import { formatEvent } from './event-text.js';
import { OUTPUT } from './flags.js';
import { defineVerb } from './verb.js';
import { watchEvents } from './watch.js';

export const monitor = defineVerb({
  words: 'monitor',
  summary: 'print new flows, drops and samples of packets as they happen',
  details:
    'Addresses and ports are those that the packet came in with; "to" is the backend of its flow. Times are UTC. ' +
    'Events cost the data plane time while they are watched, and nothing else. Ctrl-C ends the watch.',
  examples: ['monitor', 'monitor --service=1 --kind=drop', 'monitor --address=20.1.1.0/24 --sample=100 --count=10 -o json'],
  flags: { ...EVENT_FLAGS, output: OUTPUT },
  async run(context, { output, count, ...flags }) {
    const events = watchEvents(context, toFilter({ ...flags, count }, 0), count);
    await output.rows(context.out, {
      name: 'events',
      live: true,
      rows: viewsOf(events),
      toText: async (sink, views) => {
        for await (const view of views) await sink.write(formatEvent(view, sink));
      },
    });
  },
});

async function* viewsOf(events: ReturnType<typeof watchEvents>): AsyncGenerator<EventView> {
  for await (const { view } of events) yield view;
}
