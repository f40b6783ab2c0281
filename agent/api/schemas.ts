// JSON Schemas of what the API takes and answers; docs/openapi.json is made of them.
// Imports agent/model for the words of each choice.
// Invariant: requests refuse fields that are not named; answers may grow fields, as docs/json.md says.

import { EVENT_KINDS, MAX_SNAP, VERDICTS } from '../model/events.js';
import { EXPLAIN_STEPS } from '../model/explanation.js';
import { ERROR_CODES } from '../model/errors.js';
import { ALL_DOWN_WORDS, FLOWS_WORDS, HEALTH_KINDS, INITIAL_WORDS, LARGEST_JITTER, THROUGH_WORDS } from '../model/health.js';
import { REFUSAL_REASONS } from '../model/stats.js';
import { REASONS } from '../model/reasons.js';
import { ACTIONS, BACKEND_STATES, DISPATCHES, MODES, PROTOCOLS } from '../model/service.js';

type Schema = Readonly<Record<string, unknown>>;

const integer = (minimum: number, maximum?: number): Schema => ({
  type: 'integer',
  minimum,
  ...(maximum === undefined ? {} : { maximum }),
});
const word = (words: readonly string[]): Schema => ({ type: 'string', enum: words });
const list = (items: Schema): Schema => ({ type: 'array', items });
const orNull = (schema: Schema): Schema => ({ anyOf: [schema, { type: 'null' }] });
const either = (...schemas: readonly Schema[]): Schema => ({ anyOf: schemas });
const TEXT: Schema = { type: 'string' };
const NUMBER: Schema = { type: 'number' };
const BOOLEAN: Schema = { type: 'boolean' };
const PORT = integer(0, 65535);

/** A request: what is not named is refused. */
const takes = (properties: Readonly<Record<string, Schema>>, required: readonly string[] = []): Schema => ({
  type: 'object',
  additionalProperties: false,
  properties,
  required,
});
/** An answer: all its fields are there. */
const gives = (properties: Readonly<Record<string, Schema>>): Schema => ({ type: 'object', properties, required: Object.keys(properties) });
/** An answer of the form of docs/json.md. */
export const answer = (properties: Readonly<Record<string, Schema>>): Schema => gives({ version: integer(1), ...properties });

export const ERROR = gives({
  error: gives({ code: word([...Object.keys(ERROR_CODES), 'FL_E_INTERNAL']), message: TEXT, hint: orNull(TEXT) }),
});

export const SERVICE_ID = { type: 'object', properties: { id: integer(1, 65535) }, required: ['id'] } as const;
export const BACKEND_PATH = {
  type: 'object',
  properties: { id: integer(1, 65535), backend: { type: 'string', description: "'20.1.1.10:80', '[2001:db8::10]:80'" } },
  required: ['id', 'backend'],
} as const;
export const ADDRESS_PATH = { type: 'object', properties: { address: TEXT }, required: ['address'] } as const;

const prefixes = (description: string): Schema => ({ ...list(TEXT), description });

export const SERVICE_UPDATE = takes({
  frontend: { type: 'string', description: "'40.1.1.1:80/tcp', '40.1.0.0/24:8000-8999/udp'; needed for a new service" },
  backends: { ...list(TEXT), description: "'20.1.1.10:80'; all of them; needed for a new service" },
  weights: { ...list(integer(0, 1000)), description: 'one for each of backends' },
  mode: word([...MODES, 'default']),
  sourceAllow: prefixes('clients that may begin flows, all of them'),
  sourceDeny: prefixes('clients that may begin no flow, all of them'),
  affinity: either(integer(1, 604800), { const: 'none' }),
  quic: either(integer(0, 6), { const: 'off' }),
  quicIds: list(TEXT),
  health: either(
    takes({
      kind: word(HEALTH_KINDS),
      path: { ...TEXT, description: 'of http and https' },
      send: { ...TEXT, description: "of udp: 'PING', 'hex:0a0b'" },
      expect: { ...TEXT, description: 'of udp: what the answer has to contain' },
      grpcService: { ...TEXT, description: 'of grpc and grpcs' },
      command: { ...list(TEXT), description: 'of exec: program and arguments' },
      port: integer(1, 65535),
      interval: { ...integer(50, 3_600_000), description: 'milliseconds' },
      timeout: { ...integer(50, 3_600_000), description: 'milliseconds' },
      rise: integer(1, 100),
      fall: integer(1, 100),
      allDown: word(ALL_DOWN_WORDS),
      jitter: { ...integer(0, LARGEST_JITTER), description: 'percent of the interval' },
      initial: word(INITIAL_WORDS),
      flows: word(FLOWS_WORDS),
      through: word(THROUGH_WORDS),
    }),
    { const: 'none' },
  ),
});
export const BACKEND_UPDATE = { ...takes({ state: word(BACKEND_STATES), weight: integer(0, 1000) }), minProperties: 1 };
export const MODE = word(MODES);
export const PREFIXES = list(TEXT);
export const MODE_UPDATE = takes({ mode: word(MODES) }, ['mode']);
export const DENY_UPDATE = takes({ add: list(TEXT), remove: list(TEXT) });

/** The query of an event stream; all is text there, and the server turns it into these. */
export const EVENT_QUERY = takes({
  kinds: { ...list(word(EVENT_KINDS)), description: 'new flows and drops unless given' },
  sample: { ...integer(1), default: 1 },
  rate: { ...integer(0), default: 1000 },
  snap: { ...integer(0, MAX_SNAP), default: 0 },
  service: integer(1, 65535),
  prefix: { type: 'string', description: "of source or destination: '20.1.1.0/24'" },
  reason: word(REASONS.map(({ name }) => name)),
});

const FRONTEND = gives({ address: TEXT, port: PORT, protocol: word(PROTOCOLS) });

export const BACKEND = gives({
  service: integer(1, 65535),
  address: TEXT,
  port: PORT,
  weight: integer(0, 1000),
  state: word(BACKEND_STATES),
  backendId: integer(0),
  local: BOOLEAN,
  mac: orNull(TEXT),
  device: orNull(TEXT),
  nextHop: TEXT,
  quicId: orNull(TEXT),
  health: orNull(word(['up', 'down', 'unknown'])),
  healthSince: orNull(NUMBER),
  healthReason: orNull(TEXT),
  share: NUMBER,
});

export const SERVICE = gives({
  id: integer(1, 65535),
  frontend: FRONTEND,
  mode: word(MODES),
  ownMode: BOOLEAN,
  sourceRanges: gives({ allow: list(TEXT), deny: list(TEXT) }),
  affinity: orNull(integer(1)),
  quic: orNull(integer(0, 6)),
  health: orNull({ type: 'object' }),
  backends: list(BACKEND),
});

export const CHANGE = { outcome: word(['created', 'changed', 'unchanged']), warnings: list(TEXT) };

export const FLOW = gives({
  source: TEXT,
  sourcePort: PORT,
  destination: TEXT,
  destinationPort: PORT,
  protocol: word(PROTOCOLS),
  backend: TEXT,
  backendPort: PORT,
  mode: word(ACTIONS),
  snatPort: orNull(PORT),
  snatAddress: orNull(TEXT),
  state: word(['ACTIVE', 'IDLE', 'CLOSING']),
  txPackets: integer(0),
  txBytes: integer(0),
  rxPackets: orNull(integer(0)),
  rxBytes: orNull(integer(0)),
  age: NUMBER,
  idle: NUMBER,
});

export const FLOW_COUNT = gives({ service: integer(1, 65535), address: TEXT, port: PORT, flows: integer(0) });

export const DESIRED_UPDATE = takes({ desired: { type: 'object', description: 'as GET gives it' }, dryRun: BOOLEAN }, ['desired']);
export const DIFFERENCE = gives({
  added: list(integer(1, 65535)),
  changed: list(gives({ id: integer(1, 65535), fields: list(TEXT) })),
  removed: list(integer(1, 65535)),
  mode: orNull(gives({ before: MODE, after: MODE })),
  denied: PREFIXES,
  undenied: PREFIXES,
});

export const NEIGHBOUR = gives({ address: TEXT, device: orNull(TEXT), mac: orNull(TEXT), state: TEXT, backends: list(TEXT) });

export const EVENT = gives({
  time: NUMBER,
  kind: word(EVENT_KINDS),
  reason: TEXT,
  verdict: word(VERDICTS),
  device: orNull(TEXT),
  source: orNull(TEXT),
  sourcePort: orNull(PORT),
  destination: orNull(TEXT),
  destinationPort: orNull(PORT),
  protocol: orNull(TEXT),
  service: orNull(integer(1, 65535)),
  backend: orNull(TEXT),
  backendPort: orNull(PORT),
  bytes: integer(0),
});

/** A line of the stream of events: an event with its packet's first bytes (base64), or what was left out so far. */
export const EVENT_LINE = either(
  { allOf: [EVENT, gives({ packet: TEXT })] },
  gives({ losses: gives({ limited: integer(0), lost: integer(0) }) }),
);

const TRAFFIC = { packets: integer(0), bytes: integer(0), replyPackets: integer(0), replyBytes: integer(0), newFlows: integer(0) };

/** Counters since the service or backend is there. */
export const STATS = gives({
  at: NUMBER,
  services: list(
    gives({
      id: integer(1, 65535),
      frontend: FRONTEND,
      ...TRAFFIC,
      flows: integer(0),
      refused: gives(Object.fromEntries(REFUSAL_REASONS.map((reason) => [reason, integer(0)]))),
      refusedPackets: integer(0),
      backends: list(
        gives({ service: integer(1, 65535), address: TEXT, port: PORT, backendId: integer(-1), ...TRAFFIC, flows: integer(0) }),
      ),
    }),
  ),
});

export const STATUS = gives({
  instance: TEXT,
  pid: integer(1),
  mode: word(MODES),
  dispatch: word(DISPATCHES),
  program: gives({ id: integer(0), name: TEXT, digest: TEXT, instructions: integer(0) }),
  devices: list(
    gives({ name: TEXT, index: integer(1), mac: TEXT, mtu: integer(0), xdpMode: word(['native', 'generic']), linkId: integer(0) }),
  ),
  snatRange: list(PORT),
  services: integer(0),
  backends: integer(0),
  unresolvedBackends: integer(0),
  flows: gives({ entries: integer(0), limit: integer(0) }),
  tables: list(gives({ name: TEXT, entries: integer(0), limit: integer(0) })),
  snatPorts: list(
    gives({ family: { enum: [4, 6] }, address: TEXT, port: PORT, protocol: word(PROTOCOLS), inUse: integer(0), limit: integer(0) }),
  ),
  counters: list(gives({ name: TEXT, kind: TEXT, text: TEXT, packets: integer(0), bytes: integer(0) })),
  warnings: list(TEXT),
  warningsSince: list({ type: ['number', 'null'] }),
});

/** The query of an explanation. */
export const EXPLAIN_QUERY = takes(
  {
    from: { type: 'string', description: "the client's end: '20.1.1.100:40000', '[2001:db8::100]:40000'" },
    to: { type: 'string', description: "the service's end" },
    protocol: { ...word(PROTOCOLS), default: 'tcp' },
    bytes: { ...integer(28, 9216), description: 'of the IP packet; as few as it can have unless given' },
    quicId: { type: 'string', description: 'server id in its QUIC connection id, hex' },
  },
  ['from', 'to'],
);
const FLOW_TUPLE = { source: TEXT, sourcePort: PORT, destination: TEXT, destinationPort: PORT, protocol: word(PROTOCOLS) };
const OUTCOME = gives({
  verdict: word(VERDICTS),
  reason: TEXT,
  frame: orNull(
    gives({
      ...FLOW_TUPLE,
      sourceMac: TEXT,
      destinationMac: TEXT,
      hops: integer(0, 255),
      bytes: integer(0),
      outer: orNull(gives({ source: TEXT, destination: TEXT })),
    }),
  ),
  slot: orNull(integer(0)),
});
export const EXPLANATION = gives({
  flow: gives(FLOW_TUPLE),
  packet: gives({ kind: word(['SYN', 'ACK', 'datagram']), device: TEXT, bytes: integer(0) }),
  steps: list(gives({ step: word(EXPLAIN_STEPS), text: TEXT, ends: BOOLEAN })),
  outcome: OUTCOME,
  service: orNull(integer(1, 65535)),
  backend: orNull(gives({ address: TEXT, port: PORT })),
  mode: orNull(word(ACTIONS)),
  proof: gives({
    result: word(['proved', 'differs', 'unproved']),
    digest: TEXT,
    outcome: orNull(OUTCOME),
    differences: list(TEXT),
    why: orNull(TEXT),
  }),
});
