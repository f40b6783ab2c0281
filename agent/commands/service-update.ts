// `service update`: creates a service, or changes what is given of one.
// Imports agent/model and its siblings.

import { FairleadError } from '../model/errors.js';
import {
  ALL_DOWN_WORDS,
  type AllDown,
  HEALTH_PROFILES,
  type HealthUpdate,
  parseHealth,
  parseSpan,
  parseTimes,
  PROFILE_NAMES,
} from '../model/health.js';
import {
  parseAffinity,
  parseEndpoints,
  parseFrontend,
  parseInteger,
  parseQuicConfig,
  parseQuicIds,
  parseServiceMode,
  parseSourceRange,
  parseWeights,
  parseWord,
} from '../model/parse.js';
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
    health: optional({
      name: 'health',
      placeholder: 'tcp|http[:PATH]|https[:PATH]|none',
      text: 'check the backends: a connection is accepted, or a request answered with a status from 200 to 399; none: no checks any more',
      parse: parseHealth,
    }),
    healthProfile: optional({
      name: 'health-profile',
      placeholder: 'default|fast',
      text: 'default: every 2 s, timeout 1 s, down after 3; fast: every 0.25 s, timeout 0.25 s, down after 2; both up after 2',
      parse: (text, where) => HEALTH_PROFILES[parseWord(text, 'profile', PROFILE_NAMES, where)],
      choices: PROFILE_NAMES,
    }),
    healthPort: optional({
      name: 'health-port',
      placeholder: 'PORT',
      text: 'port that is checked, when it is not the one that serves',
      parse: (text, where) => parseInteger(text, { kind: 'port', min: 1, max: 65535 }, where),
    }),
    healthInterval: optional({
      name: 'health-interval',
      placeholder: 'SECONDS',
      text: 'from one check to the next, 0.05 to 3600',
      parse: parseSpan,
    }),
    healthTimeout: optional({
      name: 'health-timeout',
      placeholder: 'SECONDS',
      text: 'until a check counts as failed, 0.05 to 3600',
      parse: parseSpan,
    }),
    healthRise: optional({ name: 'health-rise', placeholder: 'N', text: 'so many passed in a row make a backend up', parse: parseTimes }),
    healthFall: optional({ name: 'health-fall', placeholder: 'N', text: 'so many failed in a row make a backend down', parse: parseTimes }),
    healthAllDown: optional({
      name: 'health-all-down',
      placeholder: 'open|closed',
      text: 'when no backend is up, new flows go to all as if all were (open, unless changed), or to none (closed)',
      parse: (text, where) => parseWord(text, 'word', ALL_DOWN_WORDS, where),
      choices: ALL_DOWN_WORDS,
    }),
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

/** Without the fields that were not given. */
function given<Fields extends object>(fields: Fields): Partial<Fields> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<Fields>;
}

interface HealthFlags {
  readonly health: HealthUpdate | 'none' | undefined;
  readonly healthProfile: HealthUpdate | undefined;
  readonly healthPort: number | undefined;
  readonly healthInterval: number | undefined;
  readonly healthTimeout: number | undefined;
  readonly healthRise: number | undefined;
  readonly healthFall: number | undefined;
  readonly healthAllDown: AllDown | undefined;
}

/** What the flags ask of the checks; single ones go before the profile. */
function healthOf(flags: HealthFlags): HealthUpdate | 'none' | undefined {
  const { health, healthProfile, healthPort, healthInterval, healthTimeout, healthRise, healthFall, healthAllDown } = flags;
  const single = given({
    port: healthPort,
    interval: healthInterval,
    timeout: healthTimeout,
    rise: healthRise,
    fall: healthFall,
    allDown: healthAllDown,
  });
  const update = { ...healthProfile, ...single };
  if (health !== 'none') return Object.keys({ ...health, ...update }).length === 0 ? undefined : { ...health, ...update };
  if (Object.keys(update).length === 0) return 'none';
  throw new FairleadError('FL_E_USAGE', 'service update: --health=none with details of a check', { hint: 'give one or the other' });
}
