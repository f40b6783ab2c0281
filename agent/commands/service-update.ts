// `service update`: creates a service, or changes what is given of one.
// Imports agent/model and its siblings.

import { FairleadError } from '../model/errors.js';
import { parseEndpoints, parseFrontend, parseServiceMode, parseWeights } from '../model/parse.js';
import { MODES } from '../model/service.js';
import { SERVICE_ID } from './flags.js';
import { formatService } from './service-text.js';
import { defineVerb, optional } from './verb.js';
import { writeWarnings } from './write-warnings.js';

export const serviceUpdate = defineVerb({
  words: 'service update',
  summary: 'create a service, or change one',
  details:
    'What is not given stays as it is. The list of backends is taken whole: one that is missing from it leaves the service and its flows end ' +
    '(to drain it first: backend set --state=terminating). Flows to backends that stay are not disturbed.',
  examples: [
    'service update --id=1 --frontend=40.1.1.1:80 --backends=20.1.1.10:80',
    'service update --id=1 --backends=20.1.1.10:80,20.1.1.20:80',
    'service update --id=1 --backends=20.1.1.10:80 --backend-weights=3',
    'service update --id=1 --mode=dsr',
  ],
  flags: {
    id: SERVICE_ID,
    frontend: optional({
      name: 'frontend',
      placeholder: 'IP:PORT[/tcp|udp]',
      text: 'address and port that clients connect to; TCP unless /udp is given; needed for a new service',
      parse: parseFrontend,
    }),
    backends: optional({
      name: 'backends',
      placeholder: 'IP:PORT,...',
      text: 'the servers, all of them; needed for a new service',
      parse: parseEndpoints,
    }),
    weights: optional({
      name: 'backend-weights',
      placeholder: 'N,...',
      text: 'one weight for each backend in their order, 0 to 1000; 0 gets no new flow; 1 each for new backends unless given',
      parse: parseWeights,
    }),
    mode: optional({
      name: 'mode',
      placeholder: 'snat|dsr|default',
      text: "mode of this service's new flows; default: the agent's mode",
      parse: parseServiceMode,
      choices: [...MODES, 'default'],
    }),
  },
  async run({ agent, out, err }, { id, frontend, backends, weights, mode }) {
    if (weights !== undefined && backends === undefined) {
      throw new FairleadError('FL_E_USAGE', 'service update: --backend-weights is given without --backends', {
        hint: 'give the backends that the weights are for, or use: backend set --id=N --backend=IP:PORT --weight=N',
      });
    }
    const change = await agent.updateService({ id, frontend, backends, weights, mode });
    await out.write(`${formatService(change.view, change.outcome)}\n`);
    await writeWarnings(err, change.warnings);
  },
});
