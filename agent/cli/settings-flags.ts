// The flags of the command line as data: names, help, defaults, parsers.
// Imports agent/model and agent/commands. docs/commands.md is made from this too.
// Invariant: a default shown in help is the one in DEFAULT_SETTINGS.

import {
  parseAddress,
  parseDeviceList,
  parseDispatch,
  parseInstance,
  parseInteger,
  parseMode,
  parsePortRange,
  parsePositiveInteger,
  parsePrime,
  parseSeconds,
  parseXdpMode,
} from '../model/parse.js';
import { FairleadError } from '../model/errors.js';
import { DISPATCHES, MODES } from '../model/service.js';
import { DEFAULT_SETTINGS as DEFAULTS, XDP_MODES } from '../model/settings.js';
import { type Flag, optional, required, withDefault } from '../commands/verb.js';

/** A file's name as given; only emptiness can be wrong with it here. */
function parsePath(text: string, where: string): string {
  if (text !== '') return text;
  throw new FairleadError('FL_E_VALUE', `${where}: the name is empty`, { hint: `give a name, or leave ${where} out` });
}
const seconds = (name: string, text: string, value: number) =>
  withDefault({ name, placeholder: 'SECONDS', text, parse: parseSeconds }, String(value));
const count = (name: string, text: string, value: number, max: number) =>
  withDefault({ name, placeholder: 'N', text, parse: (given, where) => parsePositiveInteger(given, 'number', where, max) }, String(value));

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
  lbAddress: optional({
    name: 'lb-address',
    placeholder: 'IP',
    text: 'address that SNAT and IPIP send from',
    parse: parseAddress,
    fallbackText: 'that of the device towards the backend',
  }),
  maglevSize: withDefault(
    { name: 'maglev-size', placeholder: 'PRIME', text: "entries of a service's Maglev table, 251 to 131071", parse: parsePrime },
    String(DEFAULTS.maglevSize),
  ),
  maxFlows: count('max-flows', 'flows that are remembered at a time', DEFAULTS.maxFlows, 1 << 26),
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
  timeoutSyn: seconds('timeout-syn', 'a flow ends after this long when only SYNs were seen', DEFAULTS.timeouts.syn),
  timeoutEstablished: seconds('timeout-established', 'the same for a connection that sends nothing', DEFAULTS.timeouts.established),
  timeoutClosing: seconds('timeout-closing', 'the same after FIN or RST', DEFAULTS.timeouts.closing),
  timeoutUdp: seconds('timeout-udp', 'the same for UDP', DEFAULTS.timeouts.udp),
  sweepInterval: seconds('sweep-interval', 'time between two removals of ended flows', DEFAULTS.sweepInterval),
  instance: withDefault(
    { name: 'instance', placeholder: 'NAME', text: 'name of this data plane, when a machine has several', parse: parseInstance },
    DEFAULTS.instance,
  ),
  stateFile: optional({
    name: 'state',
    placeholder: 'FILE',
    text: 'where services and mode are kept',
    parse: parsePath,
    fallbackText: '/var/lib/fairlead/NAME/state.json',
  }),
  bpfObject: optional({
    name: 'bpf-object',
    placeholder: 'FILE',
    text: 'a compiled program to load',
    parse: parsePath,
    fallbackText: 'compile one for this machine',
  }),
  cacheDirectory: withDefault(
    { name: 'cache-dir', placeholder: 'DIR', text: 'where compiled programs are kept', parse: parsePath },
    DEFAULTS.cacheDirectory,
  ),
  clang: withDefault({ name: 'clang', placeholder: 'PROGRAM', text: 'the compiler', parse: parsePath }, DEFAULTS.clang),
} as const satisfies Record<string, Flag<unknown>>;

export const VERSION_FLAG = optional({ name: 'version', placeholder: '', text: 'print the version', parse: () => true, bare: true });
