// A watch as commands run it: to the count or the signal, its beginning and its end told on the stream of errors.
// Imports agent/model, agent/control/agent.ts and its siblings.
// Invariant: the watch has ended when the iteration has, so events are off when the command returns.

import type { EventWatch } from '../control/agent.js';
import type { EventFilter, PacketEvent } from '../model/events.js';
import { countNoun } from './numbers.js';
import { paint } from './sink.js';
import type { CommandContext } from './verb.js';

/** The events, at most `count`; then, on `err`, how many there were and what was left out. What the agent refuses is thrown at once. */
export function watchEvents(context: CommandContext, filter: EventFilter, count: number | undefined): AsyncGenerator<PacketEvent> {
  return tell(context, context.agent.watchEvents(filter, context.signal), filter, count);
}

async function* tell(
  { err }: CommandContext,
  watch: EventWatch,
  filter: EventFilter,
  count: number | undefined,
): AsyncGenerator<PacketEvent> {
  let seen = 0;
  if (err.terminal) await err.write(`watching for ${filter.kinds.join(', ')}; Ctrl-C ends it\n`);
  for await (const event of watch) {
    yield event;
    seen++;
    if (seen === count) break;
  }
  const { limited, lost } = watch.losses();
  await err.write(`${countNoun(seen, 'event')}\n`);
  const warn = (text: string) => err.write(`${paint(err, 'yellow', 'warning:')} ${text}\n`);
  if (limited > 0) await warn(`${countNoun(limited, 'event')} left out: more than ${filter.rate} a second and CPU (--rate)`);
  if (lost > 0) await warn(`${countNoun(lost, 'event')} left out: they came faster than they were read`);
}
