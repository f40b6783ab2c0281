// `service update`: creates a service, or changes what is given of one.
// Imports agent/model and its siblings.

import { FairleadError } from '../model/errors.js';
import {
  parseAffinity,
  parseEndpoints,
  parseFrontend,
  parseQuicConfig,
  parseQuicIds,
  parseServiceMode,
  parseSourceRange,
  parseWeights,
} from '../model/parse.js';
import { MODES } from '../model/service.js';
import { SERVICE_ID } from './flags.js';
import { given, HEALTH_FLAGS, healthOf } from './health-flags.js';
import { formatService } from './service-text.js';
import { defineVerb, optional } from './verb.js';
import { writeWarnings } from './write-warnings.js';

export const serviceUpdate = defineVerb({
  words: 'service update',
  summary: 'create a service, or change one',
  details:
    'What is not given stays as it is. The list of backends is taken whole: one that is missing from it leaves the service and its flows end ' +
    '(to drain it first: backend set --state=terminating). Flows to backends that stay are not disturbed. ' +
    'Source ranges and affinity are asked when a flow begins: flows that exist go on, also those of a client that is denied by now.',
  examples: [
    'service update --id=1 --frontend=40.1.1.1:80 --backends=20.1.1.10:80',
    'service update --id=1 --backends=20.1.1.10:80,20.1.1.20:80',
    'service update --id=1 --backends=20.1.1.10:80 --backend-weights=3',
    'service update --id=1 --mode=dsr',
    'service update --id=1 --source-allow=10.0.0.0/8 --source-deny=10.9.0.0/16',
    'service update --id=1 --affinity=600s',
    'service update --id=1 --health=http:/healthz --health-profile=fast',
    'service update --id=2 --quic-server-id=0 --backend-quic-ids=0a01,0a02',
    'service update --id=2 --frontend=40.1.1.1:8000-8999 --backends=20.1.1.10:*',
    'service update --id=3 --frontend=40.2.0.0/24:80 --backends=20.1.1.10:80',
    'service update --id=6 --frontend=[2001:db8::1]:80 --backends=[2001:db8::10]:80',
  ],
  flags: {
    id: SERVICE_ID,
    frontend: optional({
      name: 'frontend',
      placeholder: 'IP[/LENGTH]:PORT[-LAST][/tcp|udp]',
      text: "address (or prefix) and port (or range, or '*' for every port) that clients connect to; TCP unless /udp is given; needed for a new service",
      parse: parseFrontend,
    }),
    backends: optional({
      name: 'backends',
      placeholder: 'IP:PORT,...',
      text: "the servers, all of them; port '*': the one that the client used; needed for a new service",
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
    sourceAllow: optional({
      name: 'source-allow',
      placeholder: 'IP/LENGTH,...|none',
      text: 'clients that may begin flows, all of them; others are denied; none: no such list',
      parse: parseSourceRange,
      repeatable: true,
    }),
    sourceDeny: optional({
      name: 'source-deny',
      placeholder: 'IP/LENGTH,...|none',
      text: 'clients that may begin no flow, all of them; where ranges overlap the longest prefix decides; none: no such list',
      parse: parseSourceRange,
      repeatable: true,
    }),
    affinity: optional({
      name: 'affinity',
      placeholder: 'SECONDS|none',
      text: "a client's new flows go to the backend of its last one, if that began less than so long ago and the backend takes new flows",
      parse: parseAffinity,
    }),
    quic: optional({
      name: 'quic-server-id',
      placeholder: '0-6|off',
      text: 'UDP: QUIC connection ids of this configuration name the backend by its server id, so that a client whose address changes keeps it',
      parse: parseQuicConfig,
    }),
    quicIds: optional({
      name: 'backend-quic-ids',
      placeholder: 'HEX,...',
      text: 'with --quic-server-id: the server id of each backend in their order, 1 to 8 bytes, all of one length',
      parse: parseQuicIds,
    }),
    ...HEALTH_FLAGS,
  },
  async run({ agent, out, err }, { id, frontend, backends, weights, mode, sourceAllow, sourceDeny, affinity, quic, quicIds, ...health }) {
    if (weights !== undefined && backends === undefined) {
      throw new FairleadError('FL_E_USAGE', 'service update: --backend-weights is given without --backends', {
        hint: 'give the backends that the weights are for, or use: backend set --id=N --backend=IP:PORT --weight=N',
      });
    }
    const policy = { sourceAllow, sourceDeny, affinity };
    const change = await agent.updateService({
      id,
      frontend,
      backends,
      weights,
      mode,
      ...policy,
      ...given({ quic, quicIds, health: healthOf(health) }),
    });
    await out.write(`${formatService(change.view, change.outcome)}\n`);
    await writeWarnings(err, change.warnings);
  },
});
