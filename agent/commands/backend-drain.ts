// `backend drain`: no new flow for a backend, and a wait until the flows that it has are gone.
// Imports node:timers, agent/model, agent/control/agent.ts and its siblings.
// Invariant: however the wait ends, the backend goes on draining; only when no flow is left does the command say that it is done.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Agent } from '../control/agent.js';
import { FairleadError } from '../model/errors.js';
import { formatEndpoint } from '../model/format.js';
import { parseEndpoint, parseSeconds } from '../model/parse.js';
import type { Endpoint } from '../model/service.js';
import { SERVICE_ID } from './flags.js';
import { countNoun, formatAge } from './numbers.js';
import type { Sink } from './sink.js';
import { type CommandContext, defineVerb, optional, required } from './verb.js';
import { writeWarnings } from './write-warnings.js';

/** Milliseconds from one count to the next, and between two lines where lines cannot be rewritten. */
const COUNT_EVERY = 1000;
const LINE_EVERY = 5000;
/** Counting reads the flow tables through: at most so much of the time goes into it. */
const LARGEST_SHARE = 0.05;

export const backendDrain = defineVerb({
  words: 'backend drain',
  summary: 'let a backend run empty: no new flow, those that it has go on',
  details:
    'The backend becomes terminating, as with `backend set --state=terminating`. With --wait the command shows how many flows are left and ends with the ' +
    'last one; flows that close count until they are forgotten, 10 s (--timeout-closing). Ctrl-C and --timeout end the wait alone: the backend goes on ' +
    'draining, and the exit status is 1. `backend set --state=active` takes it back.',
  examples: ['backend drain --id=1 --backend=20.1.1.10:80', 'backend drain --id=1 --backend=20.1.1.10:80 --wait --timeout=600'],
  flags: {
    id: SERVICE_ID,
    backend: required({ name: 'backend', placeholder: 'IP:PORT', text: 'the backend', parse: parseEndpoint, offers: 'backend' }),
    wait: optional({ name: 'wait', placeholder: '', text: 'wait until its last flow is gone', parse: () => true, bare: true }),
    timeout: optional({ name: 'timeout', placeholder: 'SECONDS', text: 'with --wait: not longer than this', parse: parseSeconds }),
  },
  async run(context, { id, backend, wait, timeout }) {
    if (timeout !== undefined && wait === undefined) {
      throw new FairleadError('FL_E_USAGE', 'backend drain: --timeout without --wait', { hint: 'give --wait too, or leave --timeout out' });
    }
    const { agent, out, err } = context;
    const { warnings } = await agent.setBackend({ id, backend, state: 'terminating', weight: undefined });
    await writeWarnings(err, warnings);
    const name = `backend ${formatEndpoint(backend)} of service ${id}`;
    if (wait === undefined) {
      await out.write(`${name} is terminating: ${await leftOf(agent, id, backend)}\n`);
      return;
    }
    const began = performance.now();
    await waitUntilEmpty(context, { id, backend, name, until: timeout === undefined ? Infinity : began + timeout * 1000 });
    await out.write(`${name} is drained: no flow left after ${formatAge((performance.now() - began) / 1000)}\n`);
  },
});

interface Wait {
  readonly id: number;
  readonly backend: Endpoint;
  readonly name: string;
  /** By performance.now(). */
  readonly until: number;
}

async function waitUntilEmpty({ agent, err, signal }: CommandContext, { id, backend, name, until }: Wait): Promise<void> {
  const progress = new Progress(err);
  try {
    for (;;) {
      const began = performance.now();
      const flows = await countFlowsOf(agent, id, backend);
      if (flows === 0) return;
      await progress.show(`${name}: ${countNoun(flows, 'flow')} left`);
      const now = performance.now();
      if (signal.aborted || now >= until) {
        throw new FairleadError(
          'FL_E_UNFINISHED',
          `${name}: ${signal.aborted ? 'not waited for longer' : 'not empty in time'}, ${countNoun(flows, 'flow')} left`,
          {
            hint: `it goes on draining; to see: backend drain --id=${id} --backend=${formatEndpoint(backend)}`,
          },
        );
      }
      const rest = Math.max(COUNT_EVERY, (now - began) / LARGEST_SHARE);
      // Ctrl-C ends the sleep, and the next turn tells.
      await sleep(Math.min(rest, until - now), undefined, { signal }).catch(() => {});
    }
  } finally {
    await progress.end();
  }
}

async function leftOf(agent: Agent, id: number, backend: Endpoint): Promise<string> {
  return `${countNoun(await countFlowsOf(agent, id, backend), 'flow')} left`;
}

/** Throws FL_E_NOT_FOUND when it was taken out of the service meanwhile, FL_E_CONFLICT when somebody let it take new flows again. */
async function countFlowsOf(agent: Agent, id: number, { address, port }: Endpoint): Promise<number> {
  const isIt = (one: Endpoint) => one.address === address && one.port === port;
  const view = (await agent.getService(id)).backends.find(isIt);
  const name = `backend ${formatEndpoint({ address, port })} of service ${id}`;
  if (view === undefined) throw new FairleadError('FL_E_NOT_FOUND', `${name} was taken out: its flows have ended`);
  if (view.state === 'active') throw new FairleadError('FL_E_CONFLICT', `${name} is active again: it does not drain any more`);
  const counts = await agent.countFlows();
  return counts.find((one) => one.service === id && isIt(one))?.flows ?? 0;
}

/** How far it is: one line that is rewritten on a terminal, elsewhere a line now and then. */
class Progress {
  readonly #sink: Sink;
  #shown = '';
  #at = -Infinity;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  async show(text: string): Promise<void> {
    if (text === this.#shown) return;
    if (!this.#sink.terminal && performance.now() - this.#at < LINE_EVERY) return;
    this.#shown = text;
    this.#at = performance.now();
    await this.#sink.write(this.#sink.terminal ? `\r\x1b[K${text}` : `${text}\n`);
  }

  async end(): Promise<void> {
    if (this.#sink.terminal && this.#shown !== '') await this.#sink.write('\n');
  }
}
