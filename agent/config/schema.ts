// The form of a configuration file as a JSON Schema; docs/config.schema.json is this, for editors.
// Imports agent/model for the words of each choice.
// Invariant: what the schema lets through has the right types and no unknown key; what the texts mean is the model's parsers' matter.

import { ALL_DOWN_WORDS, FLOWS_WORDS, HEALTH_KINDS, INITIAL_WORDS, LARGEST_JITTER, PROFILE_NAMES, THROUGH_WORDS } from '../model/health.js';
import { BACKEND_STATES, MODES } from '../model/service.js';

/** Of the format; a file says for which it was written. */
export const CONFIG_VERSION = 1;

const text = (description: string) => ({ type: 'string', description });
const prefixes = (description: string) => ({ type: 'array', items: { type: 'string' }, description });
const seconds = (description: string) => ({ type: 'number', minimum: 0.05, maximum: 3600, description });
const object = (properties: object, required: readonly string[] = []) => ({
  type: 'object',
  additionalProperties: false,
  required,
  properties,
});

const HEALTH = object(
  {
    check: {
      enum: HEALTH_KINDS,
      description:
        'a TCP connection is accepted; a request answered with a status from 200 to 399; a datagram answered; a gRPC server says SERVING; a program ends with 0',
    },
    path: text('of http and https: /healthz'),
    send: text('of udp: what the datagram holds, as text or hex:0a0b'),
    expect: text('of udp: what the answer has to contain, as text or hex:0a0b'),
    grpcService: text('of grpc and grpcs: the service that is asked for; the server as a whole unless given'),
    command: {
      type: 'array',
      items: { type: 'string' },
      minItems: 1,
      description: 'of exec: the program (an absolute path) and its arguments; the agent needs --health-exec=on',
    },
    port: { type: 'integer', minimum: 1, maximum: 65535, description: 'when it is not the one that serves' },
    profile: {
      enum: PROFILE_NAMES,
      description: 'default: every 2 s, timeout 1 s, down after 3; fast: every 0.25 s, timeout 0.25 s, down after 2',
    },
    interval: seconds('from one check to the next'),
    timeout: seconds('until a check counts as failed'),
    rise: { type: 'integer', minimum: 1, maximum: 100 },
    fall: { type: 'integer', minimum: 1, maximum: 100 },
    jitter: {
      type: 'integer',
      minimum: 0,
      maximum: LARGEST_JITTER,
      description: 'percent of the interval that may be left out, at random; 10',
    },
    initial: { enum: INITIAL_WORDS, description: 'what a new backend counts as until its checks have said something' },
    flows: { enum: FLOWS_WORDS, description: 'what becomes of the flows of a backend that goes down' },
    through: {
      enum: THROUGH_WORDS,
      description: "the backend's own address is checked, or the virtual address as clients' packets reach it in DSR",
    },
    allDown: { enum: ALL_DOWN_WORDS, description: 'where new flows go when no backend is up: to all, or to none' },
  },
  ['check'],
);

const BACKEND = object(
  {
    address: text('20.1.1.10:80, [2001:db8::10]:80, or 20.1.1.10:* for the port that the client used'),
    weight: { type: 'integer', minimum: 0, maximum: 1000, description: '1 unless given; 0 gets no new flow' },
    state: { enum: BACKEND_STATES, description: 'active unless given' },
    quicId: text('its server id in QUIC connection ids, 1 to 8 bytes as hex digits'),
  },
  ['address'],
);

const SERVICE = object(
  {
    id: { type: 'integer', minimum: 1, maximum: 65535 },
    frontend: text('40.1.1.1:80, 40.1.1.1:53/udp, 40.2.0.0/24:8000-8999, [2001:db8::1]:80'),
    mode: { enum: MODES, description: 'mode of its new flows; the one of the file unless given' },
    backends: { type: 'array', items: BACKEND },
    sourceAllow: prefixes('clients that may begin flows; others may not'),
    sourceDeny: prefixes('clients that may begin no flow'),
    affinity: { type: 'integer', minimum: 1, maximum: 604800, description: 'seconds that a client is kept at its backend' },
    quic: { type: 'integer', minimum: 0, maximum: 6, description: 'configuration of the QUIC connection ids that name a backend' },
    health: HEALTH,
  },
  ['id', 'frontend', 'backends'],
);

export const CONFIG_SCHEMA = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'Fairlead configuration',
  ...object(
    {
      version: { const: CONFIG_VERSION },
      agent: {
        type: 'object',
        description: 'flags of the agent by their names, without the dashes (`fairlead --help`): device: eth0; read when it starts',
        additionalProperties: { type: ['string', 'number', 'boolean'] },
      },
      mode: { enum: MODES, description: 'mode of new flows' },
      deny: prefixes('clients that no service takes'),
      services: { type: 'array', items: SERVICE },
    },
    ['version', 'mode', 'services'],
  ),
};
