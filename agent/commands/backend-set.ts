// `backend set`: state and weight of one backend of one service.
// Imports agent/model and its siblings.

import { FairleadError } from '../model/errors.js';
import { formatEndpoint } from '../model/format.js';
import { parseBackendState, parseEndpoint, parseWeight } from '../model/parse.js';
import { BACKEND_STATES } from '../model/service.js';
import { SERVICE_ID } from './flags.js';
import { defineVerb, optional, required } from './verb.js';
import { writeWarnings } from './write-warnings.js';

export const backendSet = defineVerb({
  words: 'backend set',
  summary: 'change the state or the weight of a backend',
  details:
    'Only an active backend gets new flows. One that is terminating (drained), quarantined or in maintenance keeps the flows that it has; ' +
    'the three differ in what they tell people.',
  examples: ['backend set --id=1 --backend=20.1.1.10:80 --state=terminating', 'backend set --id=1 --backend=20.1.1.10:80 --weight=3'],
  flags: {
    id: SERVICE_ID,
    backend: required({ name: 'backend', placeholder: 'IP:PORT', text: 'the backend', parse: parseEndpoint, offers: 'backend' }),
    state: optional({
      name: 'state',
      placeholder: 'STATE',
      text: `one of ${BACKEND_STATES.join(', ')}`,
      parse: parseBackendState,
      choices: BACKEND_STATES,
    }),
    weight: optional({ name: 'weight', placeholder: 'N', text: '0 to 1000; 0 gets no new flow', parse: parseWeight }),
  },
  async run({ agent, out, err }, { id, backend, state, weight }) {
    if (state === undefined && weight === undefined) {
      throw new FairleadError('FL_E_USAGE', 'backend set: neither --state nor --weight is given', {
        hint: `for example: ${backendSet.examples[0]}`,
      });
    }
    const { view, outcome, warnings } = await agent.setBackend({ id, backend, state, weight });
    await out.write(`backend ${formatEndpoint(view)} of service ${id} ${outcome}: ${view.state}, weight ${view.weight}\n`);
    await writeWarnings(err, warnings);
  },
});
