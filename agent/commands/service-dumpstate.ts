// `service dumpstate`: the flows of one service, streamed from the data plane.
// Imports agent/model and its siblings.
// Invariant: memory does not grow with the number of flows; Ctrl-C ends it between two flows.

import { setImmediate } from 'node:timers/promises';
import type { FlowView } from '../model/views.js';
import { OUTPUT, SERVICE_ID } from './flags.js';
import { writeFlowTable } from './flow-table.js';
import { countNoun } from './numbers.js';
import { defineVerb } from './verb.js';

/** Flows between two turns of the event loop. */
const TURN = 1000;

export const serviceDumpstate = defineVerb({
  words: 'service dumpstate',
  summary: 'show the flows of a service',
  details:
    'Tx is client to backend, Rx backend to client; under DSR the replies do not pass here and Rx is "-". State: IDLE while only SYNs were seen, ' +
    'CLOSING after FIN both ways or a RST, else ACTIVE. Counts are shortened (12.3k is 12,300), ages rounded. ' +
    'A narrow terminal shows fewer columns; from about 120 characters on all are shown. -o json has all of them, exact. Ctrl-C stops a long dump.',
  examples: ['service dumpstate --id 1', 'service dumpstate --id=1 -o json'],
  flags: { id: SERVICE_ID, output: OUTPUT },
  async run({ agent, out, err, signal }, { id, output }) {
    const progress = { count: 0 };
    const rows = untilAborted(agent.dumpState(id), signal, progress);
    await output.rows(out, { name: 'flows', head: { service: id }, rows, toText: writeFlowTable });
    if (signal.aborted) await err.write(`stopped after ${countNoun(progress.count, 'flow')}; there may be more\n`);
  },
});

async function* untilAborted(flows: AsyncIterable<FlowView>, signal: AbortSignal, progress: { count: number }): AsyncGenerator<FlowView> {
  for await (const flow of flows) {
    if (signal.aborted) return;
    progress.count++;
    yield flow;
    // Without this a fast source would keep Ctrl-C from being seen.
    if (progress.count % TURN === 0) await setImmediate();
  }
}
