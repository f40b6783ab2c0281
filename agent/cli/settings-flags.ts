// The flags of the command line as data: names, help, defaults, parsers.
// Imports agent/model and agent/commands. docs/commands.md is made from this too.
// Invariant: a default shown in help is the one in DEFAULT_SETTINGS.

import {
  parseAddresses,
  parseDeviceList,
  parseDispatch,
  parseEndpoint,
  parseEarlyFragments,
  parseHostNames,
  parseInstance,
  parseInteger,
  parseIpipSource,
  parseMode,
  parseMss,
  parseNoBackendAnswer,
  parseSynChallenge,
  parsePortRange,
  parsePrime,
  parseSeconds,
  parseSwitch,
  parseUnknownPort,
  parseWord,
  parseXdpMode,
} from '../model/parse.js';
import { FairleadError } from '../model/errors.js';
import { DISPATCHES, MODES } from '../model/service.js';
import {
  DEFAULT_SETTINGS as DEFAULTS,
  EARLY_FRAGMENTS,
  LEAST_FLOWS,
  LOG_LEVELS,
  type LogLevel,
  NO_BACKEND_ANSWERS,
  socketOf,
  stateFileOf,
  SYN_CHALLENGES,
  UNKNOWN_PORT_WORDS,
  XDP_MODES,
} from '../model/settings.js';
import { type Flag, optional, required, withDefault } from '../commands/verb.js';

/** A file's name as given; only emptiness can be wrong with it here. */
function parsePath(text: string, where: string): string {
  if (text !== '') return text;
  throw new FairleadError('FL_E_VALUE', `${where}: the name is empty`, { hint: `give a name, or leave ${where} out` });
}
const seconds = (name: string, text: string, value: number) =>
  withDefault({ name, placeholder: 'SECONDS', text, parse: parseSeconds }, String(value));
const count = (name: string, text: string, value: number, max: number, min = 1) =>
  withDefault(
    { name, placeholder: 'N', text, parse: (given, where) => parseInteger(given, { kind: 'number', min, max }, where) },
    String(value),
  );

export const SETTINGS_FLAGS = {
  mode: optional({
    name: 'bpf-lb-mode',
    placeholder: 'snat|dsr',
    text: 'mode of new flows',
    parse: parseMode,
    choices: MODES,
    fallbackText: 'as at the last run, at first snat',
  }),
  devices: required({
    name: 'device',
    placeholder: 'IF[,IF...]',
    text: 'network devices to balance on, for example eth0',
    parse: parseDeviceList,
  }),
  dispatch: withDefault(
    {
      name: 'dsr-dispatch',
      placeholder: 'ipip|l2',
      text: 'how DSR reaches a backend: wrapped in IPIP, or by MAC address alone',
      parse: parseDispatch,
      choices: DISPATCHES,
    },
    DEFAULTS.dispatch,
  ),
  xdpMode: withDefault(
    {
      name: 'xdp-mode',
      placeholder: 'auto|native|generic',
      text: "where the program runs: in the driver (native), in the kernel's stack (generic), or the first that works",
      parse: parseXdpMode,
      choices: XDP_MODES,
    },
    DEFAULTS.xdpMode,
  ),
  snatRange: optional({
    name: 'snat-range',
    placeholder: 'LO-HI',
    text: 'source ports of SNAT, inclusive',
    parse: parsePortRange,
    fallbackText: 'the part of 1024-65535 that the kernel does not use itself',
  }),
  lbAddresses: withDefault<readonly string[]>(
    {
      name: 'lb-address',
      placeholder: 'IP[,IP...]',
      text: 'addresses of this node that SNAT and IPIP send from, IPv4 and IPv6, at most 4 of each; may be given more than once',
      parse: (text, where) => (text === '' ? [] : parseAddresses(text, where)),
      fallbackText: 'one of each device and family',
      repeatable: true,
    },
    '',
  ),
  maglevSize: withDefault(
    { name: 'maglev-size', placeholder: 'PRIME', text: "entries of a service's Maglev table, 251 to 131071", parse: parsePrime },
    String(DEFAULTS.maglevSize),
  ),
  maxFlows: count('max-flows', 'flows that are remembered at a time, of each IP version', DEFAULTS.maxFlows, 1 << 26, LEAST_FLOWS),
  maxServices: count('max-services', 'services at most', DEFAULTS.maxServices, 65535),
  maxBackends: count('max-backends', 'backends of all services at most', DEFAULTS.maxBackends, 1 << 24),
  newFlowRate: withDefault(
    {
      name: 'new-flow-rate',
      placeholder: 'N',
      text: 'new flow entries a second and CPU, against floods; 0: no bound',
      parse: (text, where) => parseInteger(text, { kind: 'rate', min: 0, max: 0x7fffffff }, where),
    },
    String(DEFAULTS.newFlowRate),
  ),
  answerRate: withDefault(
    {
      name: 'answer-rate',
      placeholder: 'N',
      text: 'ICMP errors and resets that the program sends by itself, a second and CPU; 0: none',
      parse: (text, where) => parseInteger(text, { kind: 'rate', min: 0, max: 0x7fffffff }, where),
    },
    String(DEFAULTS.answerRate),
  ),
  mssClamp: withDefault(
    {
      name: 'mss-clamp',
      placeholder: 'BYTES',
      text: 'largest MSS that a SYN may name, for IPv4; for IPv6 20 less; 0: any',
      parse: (text, where) => parseMss(text, where),
    },
    String(DEFAULTS.mssClamp),
  ),
  vipEcho: withDefault(
    {
      name: 'vip-echo',
      placeholder: 'on|off',
      text: "whether the program answers pings to a service's address",
      parse: parseSwitch,
      choices: ['on', 'off'],
    },
    DEFAULTS.vipEcho ? 'on' : 'off',
  ),
  noBackend: withDefault(
    {
      name: 'on-no-backend',
      placeholder: 'drop|reset|unreachable',
      text: 'what a client gets when no backend takes new flows: nothing, a TCP reset (UDP: port unreachable), or ICMP port unreachable',
      parse: parseNoBackendAnswer,
      choices: NO_BACKEND_ANSWERS,
    },
    DEFAULTS.noBackend,
  ),
  synChallenge: withDefault(
    {
      name: 'syn-challenge',
      placeholder: 'off|pressed|always',
      text:
        'against forged SYNs: a client must prove its address before it may open a connection; pressed: while more than half of --new-flow-rate ' +
        'is used. Firewalls on the way must let the proof pass (Linux 6.0)',
      parse: parseSynChallenge,
      choices: SYN_CHALLENGES,
    },
    DEFAULTS.synChallenge,
  ),
  timeoutSyn: seconds('timeout-syn', 'a flow ends after this long when only SYNs were seen', DEFAULTS.timeouts.syn),
  timeoutEstablished: seconds('timeout-established', 'the same for a connection that sends nothing', DEFAULTS.timeouts.established),
  timeoutClosing: seconds('timeout-closing', 'the same after FIN or RST', DEFAULTS.timeouts.closing),
  timeoutUdp: seconds('timeout-udp', 'the same for UDP', DEFAULTS.timeouts.udp),
  instance: withDefault(
    { name: 'instance', placeholder: 'NAME', text: 'name of this data plane, when a machine has several', parse: parseInstance },
    DEFAULTS.instance,
  ),
  stateFile: optional({
    name: 'state',
    placeholder: 'FILE',
    text: 'where services and mode are kept',
    parse: parsePath,
    fallbackText: stateFileOf('NAME'),
  }),
  apiSocket: optional({
    name: 'api-socket',
    placeholder: 'PATH',
    text: 'Unix socket of the API, which other commands use; on Windows a named pipe',
    parse: parsePath,
    fallbackText: socketOf('NAME'),
  }),
  apiGroup: optional({
    name: 'api-group',
    placeholder: 'GROUP',
    text: 'group that may use the API beside root, by name or number',
    parse: parsePath,
    fallbackText: 'the group that the agent runs as',
  }),
  web: optional({
    name: 'web',
    placeholder: 'IP:PORT',
    text: 'address that the page (/), metrics (/metrics) and health (/healthz) are read at without asking who reads; nothing can be changed there',
    parse: parseEndpoint,
    fallbackText: 'none',
  }),
  webNames: withDefault<readonly string[]>(
    {
      name: 'web-name',
      placeholder: 'NAME[,NAME...]',
      text: 'names of this node that the page may be asked for by, beside IP addresses and localhost',
      parse: (text, where) => (text === '' ? [] : parseHostNames(text, where)),
      fallbackText: 'none: any other name is refused, as it may be a trick of a foreign page (DNS rebinding)',
      repeatable: true,
    },
    '',
  ),
  bpfObject: optional({
    name: 'bpf-object',
    placeholder: 'FILE',
    text: 'a compiled program to load; on Windows a driver (FILE.sys)',
    parse: parsePath,
    fallbackText: 'compile one for this machine',
  }),
  cacheDirectory: withDefault(
    { name: 'cache-dir', placeholder: 'DIR', text: 'where compiled programs are kept', parse: parsePath },
    DEFAULTS.cacheDirectory,
  ),
  clang: withDefault({ name: 'clang', placeholder: 'PROGRAM', text: 'the compiler', parse: parsePath }, DEFAULTS.clang),
  earlyFragments: withDefault(
    {
      name: 'fragments-early',
      placeholder: 'drop|pass',
      text: "a later fragment to a service that comes before its datagram's first one",
      parse: parseEarlyFragments,
      choices: EARLY_FRAGMENTS,
    },
    DEFAULTS.earlyFragments,
  ),
  ipipSource: optional({
    name: 'ipip-source',
    placeholder: 'PREFIX',
    text: 'IPv4 prefix, /8 to /31: each flow in DSR by IPIP gets an outer source out of it, so that receivers spread load over their queues',
    parse: parseIpipSource,
    fallbackText: 'the LB address for all flows',
  }),
  snatAddresses: withDefault<readonly string[]>(
    {
      name: 'snat-address',
      placeholder: 'IP[,IP...]',
      text: 'addresses of this node that SNAT sends from, each with all ports of the range; they are LB addresses too, and count as such',
      parse: (text, where) => (text === '' ? [] : parseAddresses(text, where)),
      fallbackText: 'one towards each backend, out of the LB addresses',
      repeatable: true,
    },
    '',
  ),
  vipUnknownPort: withDefault(
    {
      name: 'vip-unknown-port',
      placeholder: 'pass|drop',
      text: 'what becomes of TCP and UDP to a virtual address on a port that no service has',
      parse: parseUnknownPort,
      choices: UNKNOWN_PORT_WORDS,
    },
    DEFAULTS.vipUnknownPort,
  ),
  logLevel: withDefault<LogLevel>(
    {
      name: 'log-level',
      placeholder: LOG_LEVELS.join('|'),
      text: 'what `fairlead agent` tells of itself: this and what is graver; debug has each request to the API',
      parse: (text, where) => parseWord<LogLevel>(text, 'log level', LOG_LEVELS, where),
      choices: LOG_LEVELS,
    },
    DEFAULTS.logLevel,
  ),
  healthExec: withDefault(
    {
      name: 'health-exec',
      placeholder: 'on|off',
      text: "whether health checks may run programs, as the agent's user; with --api-group the API cannot name them all the same",
      parse: parseSwitch,
      choices: ['on', 'off'],
    },
    DEFAULTS.healthExec ? 'on' : 'off',
  ),
} as const satisfies Record<string, Flag<unknown>>;

export const VERSION_FLAG = optional({ name: 'version', placeholder: '', text: 'print the version', parse: () => true, bare: true });

/** Which running agent a command is for. */
export const AGENT_FLAGS = { instance: SETTINGS_FLAGS.instance, apiSocket: SETTINGS_FLAGS.apiSocket };

/** Of a command line that starts an agent. */
export const RUN_FLAGS = {
  ...SETTINGS_FLAGS,
  config: optional({
    name: 'config',
    placeholder: 'FILE',
    text: 'configuration file: flags of the agent, and the services that it is to have; read again at SIGHUP (docs/configuration.md)',
    parse: parsePath,
    fallbackText: 'none',
  }),
  watch: optional({
    name: 'watch',
    placeholder: '',
    text: 'of `fairlead agent`: read the configuration file again whenever it changes',
    parse: () => true,
    bare: true,
  }),
};
