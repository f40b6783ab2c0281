// What `ipvsadm -S -n` prints, as the desired state: virtual services, their servers, and how packets reach those.
// Imports agent/model alone.
// Invariant: what would mean something else here is an error or a warning with its line, never dropped in silence.

import { FairleadError } from '../../model/errors.js';
import { formatFrontend } from '../../model/format.js';
import { buildFrontend, EVERY_PORT } from '../../model/frontend.js';
import { parseAddress, parseInteger, parsePort } from '../../model/parse.js';
import type { Backend, DesiredState, Dispatch, Frontend, Mode, Protocol, Service } from '../../model/service.js';

/** How IPVS reaches a server: `-m`, `-g` (its default), `-i`. */
type Method = 'masquerading' | 'gatewaying' | 'ipip';

export interface Imported {
  readonly state: DesiredState;
  /** The agent's --dsr-dispatch that the servers need; undefined: all are reached by SNAT. */
  readonly dispatch: Dispatch | undefined;
  /** What is not quite the same here, one line each. */
  readonly warnings: readonly string[];
}

interface Virtual {
  readonly line: number;
  readonly frontend: Frontend;
  readonly affinity: number | undefined;
  readonly servers: { readonly line: number; readonly backend: Backend; readonly method: Method }[];
}

const MOST_WEIGHT = 1000;
/** ip_vs.h, IP_VS_PERSISTENT_TIMEOUT: of -p without a number, seconds. */
const PERSISTENCE = 300;
const LONGEST_AFFINITY = 7 * 24 * 3600;

/** Long options as short ones. */
const SHORT: Readonly<Record<string, string>> = {
  '--add-service': '-A',
  '--add-server': '-a',
  '--tcp-service': '-t',
  '--udp-service': '-u',
  '--fwmark-service': '-f',
  '--scheduler': '-s',
  '--persistent': '-p',
  '--netmask': '-M',
  '--real-server': '-r',
  '--masquerading': '-m',
  '--gatewaying': '-g',
  '--ipip': '-i',
  '--weight': '-w',
  '--u-threshold': '-x',
  '--l-threshold': '-y',
  '--ops': '-o',
  '--sched-flags': '-b',
};
/** Options that stand alone; -p may. */
const BARE = new Set(['-A', '-a', '-m', '-g', '-i', '-o', '-6']);

/** Throws FL_E_CONFIG with file and line. `file`: what messages call the text. */
export function readIpvsadm(text: string, file: string): Imported {
  const warnings = new Set<string>();
  const virtuals = new Map<string, Virtual>();
  for (const [index, raw] of text.split('\n').entries()) {
    const words = raw.trim().split(/\s+/).filter(Boolean);
    if (words.length === 0 || words[0]?.startsWith('#')) continue;
    const line = new Line(file, index + 1, words);
    line.run(() => (line.has('-A') ? addVirtual(line, virtuals, warnings) : addServer(line, virtuals, warnings)));
  }
  return toState([...virtuals.values()], file, warnings);
}

/** The options of one line, and its place for messages. */
class Line {
  readonly number: number;
  readonly #file: string;
  readonly #options = new Map<string, string>();

  constructor(file: string, number: number, words: readonly string[]) {
    this.#file = file;
    this.number = number;
    for (let at = 0; at < words.length; at++) {
      const [given = '', inline] = (words[at] ?? '').split('=', 2);
      const option = SHORT[given] ?? given;
      if (!option.startsWith('-')) this.fail(`'${given}' is no option`, 'give what `ipvsadm -S -n` prints');
      const next = words[at + 1];
      const takes = inline === undefined && !BARE.has(option) && next !== undefined && !next.startsWith('-');
      this.#options.set(option, inline ?? (takes ? next : ''));
      if (takes) at++;
    }
    if (!this.has('-A') && !this.has('-a')) {
      this.fail(
        `neither -A nor -a: ${words.slice(0, 3).join(' ')}`,
        'give what `ipvsadm -S -n` prints, which adds services and servers alone',
      );
    }
  }

  has(option: string): boolean {
    return this.#options.has(option);
  }

  /** The option's text; undefined where it is not given. */
  get(option: string): string | undefined {
    return this.#options.get(option);
  }

  options(): Iterable<string> {
    return this.#options.keys();
  }

  /** A warning of this line. */
  say(text: string): string {
    return `${this.#file}:${this.number}: ${text}`;
  }

  fail(text: string, hint: string): never {
    throw new FairleadError('FL_E_CONFIG', `${this.#file}:${this.number}: ${text}`, { hint });
  }

  /** Gives errors of parsers the place of the line. */
  run(action: () => void): void {
    try {
      action();
    } catch (error) {
      if (!(error instanceof FairleadError) || error.code === 'FL_E_CONFIG') throw error;
      this.fail(error.message, error.hint ?? 'give what `ipvsadm -S -n` prints');
    }
  }
}

function addVirtual(line: Line, virtuals: Map<string, Virtual>, warnings: Set<string>): void {
  refuseOthers(line, ['-A', '-t', '-u', '-s', '-p', '-M', '-o', '-b', '-6', '--pe']);
  const frontend = frontendOf(line);
  const key = formatFrontend(frontend);
  if (virtuals.has(key)) line.fail(`service ${key} is there already`, 'leave one of the two');
  const scheduler = line.get('-s') ?? 'wlc';
  if (scheduler !== 'mh') {
    warnings.add(`scheduler ${scheduler}: Fairlead chooses backends by Maglev hashing (mh), by their weights; connections are not counted`);
  }
  if (line.has('-o'))
    line.fail('one-packet scheduling (-o) has no like here: a UDP flow keeps its backend', 'leave -o out, if that will do');
  if (line.has('--pe')) line.fail('persistence engines (--pe) have no like here', 'leave --pe out, if affinity by address will do');
  if (line.has('-b') && scheduler !== 'mh') warnings.add(line.say(`-b ${line.get('-b')}: without meaning here`));
  const mask = line.get('-M');
  if (mask !== undefined && mask !== '255.255.255.255' && mask !== '128') {
    line.fail(`persistence of a whole network (-M ${mask}) has no like here: affinity is of one address`, 'leave -M out, if that will do');
  }
  virtuals.set(key, { line: line.number, frontend, affinity: affinityOf(line), servers: [] });
}

function addServer(line: Line, virtuals: Map<string, Virtual>, warnings: Set<string>): void {
  refuseOthers(line, ['-a', '-t', '-u', '-r', '-m', '-g', '-i', '-w', '-x', '-y', '--tun-type', '-6']);
  const frontend = frontendOf(line);
  const virtual = virtuals.get(formatFrontend(frontend));
  if (virtual === undefined) line.fail(`no service ${formatFrontend(frontend)} above`, 'a line with -A comes before those with -a');
  const method: Method = line.has('-m') ? 'masquerading' : line.has('-i') ? 'ipip' : 'gatewaying';
  const tunnel = line.get('--tun-type');
  if (tunnel !== undefined && tunnel !== 'ipip') line.fail(`--tun-type ${tunnel}: IPIP alone is supported`, 'use --tun-type ipip');
  for (const limit of ['-x', '-y']) {
    if (![undefined, '0'].includes(line.get(limit)))
      warnings.add(line.say(`${limit} ${line.get(limit)}: bounds of connections have no like here`));
  }
  const place = splitPlace(line, line.get('-r') ?? '');
  const own = place.port === undefined ? frontend.port : readPort(place.port);
  if (method !== 'masquerading' && own !== frontend.port) {
    line.fail(
      `server port ${own}: by ${method === 'ipip' ? '-i' : '-g'} packets arrive at port ${frontend.port}`,
      'let the server listen there',
    );
  }
  // A frontend of every port: the backend gets the packet on the port that the client used.
  const port = frontend.lastPort === undefined ? own : 0;
  const weight = parseInteger(line.get('-w') || '1', { kind: 'weight', min: 0, max: 65535 });
  const address = parseAddress(place.host);
  if (virtual.servers.some(({ backend }) => backend.address === address && backend.port === port)) {
    line.fail(`server ${place.host} is there already`, 'leave one of the two');
  }
  virtual.servers.push({ line: line.number, method, backend: { address, port, weight, state: 'active' } });
}

function refuseOthers(line: Line, known: readonly string[]): void {
  if (line.has('-f'))
    line.fail(
      'services by firewall mark (-f) have no like here',
      'give the service its address and port, or its prefix and range of ports',
    );
  for (const option of line.options()) {
    if (!known.includes(option)) line.fail(`option ${option} is not known`, 'give what `ipvsadm -S -n` prints');
  }
}

function frontendOf(line: Line): Frontend {
  const protocol: Protocol = line.has('-u') ? 'udp' : 'tcp';
  const { host, port } = splitPlace(line, line.get(protocol === 'udp' ? '-u' : '-t') ?? '');
  const number = readPort(port ?? '0');
  return buildFrontend({ address: parseAddress(host), protocol, ...(number === 0 ? EVERY_PORT : { port: number }) });
}

/** 'ADDRESS[:PORT]', '[ADDRESS][:PORT]'. */
function splitPlace(line: Line, text: string): { readonly host: string; readonly port: string | undefined } {
  const [, bracketed, plain, port] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::([^:]*))?$/.exec(text) ?? [];
  const host = bracketed ?? plain ?? '';
  if (host === '') line.fail(`'${text}' is no ADDRESS:PORT`, 'give what `ipvsadm -S -n` prints; IPv6 addresses stand in brackets');
  if (/[a-z]/i.test(host) && bracketed === undefined) line.fail(`'${host}' is a name`, 'print numbers: `ipvsadm -S -n`');
  return { host, port };
}

/** 0: every port. */
const readPort = (text: string): number => (text === '0' ? 0 : parsePort(text));

function affinityOf(line: Line): number | undefined {
  const given = line.get('-p');
  if (given === undefined) return undefined;
  return given === '' ? PERSISTENCE : parseInteger(given, { kind: 'persistence', min: 1, max: LONGEST_AFFINITY });
}

function toState(virtuals: readonly Virtual[], file: string, warnings: Set<string>): Imported {
  const methods = new Set(virtuals.flatMap(({ servers }) => servers.map(({ method }) => method)));
  if (methods.has('gatewaying') && methods.has('ipip')) {
    const first = virtuals.flatMap(({ servers }) => servers).find(({ method }) => method === 'ipip');
    throw new FairleadError(
      'FL_E_CONFIG',
      `${file}:${first?.line}: servers by -i beside others by -g: an agent reaches backends in DSR in one way`,
      {
        hint: 'decide for -i or -g; two agents on different devices may differ',
      },
    );
  }
  const modes = virtuals.map((virtual) => modeOf(virtual, file));
  const mode: Mode = modes.filter((one) => one === 'dsr').length * 2 > modes.length ? 'dsr' : 'snat';
  const services = virtuals.map(
    ({ frontend, affinity, servers }, index): Service => ({
      id: index + 1,
      frontend,
      mode: modes[index] === mode ? undefined : modes[index],
      ...(affinity === undefined ? {} : { affinity }),
      backends: scaleWeights(
        servers.map(({ backend }) => backend),
        formatFrontend(frontend),
        warnings,
      ),
    }),
  );
  const dispatch = methods.has('ipip') ? 'ipip' : methods.has('gatewaying') ? 'l2' : undefined;
  return { state: { mode, services }, dispatch, warnings: [...warnings] };
}

function modeOf({ frontend, servers }: Virtual, file: string): Mode {
  const modes = new Set(servers.map(({ method }): Mode => (method === 'masquerading' ? 'snat' : 'dsr')));
  if (modes.size < 2) return modes.has('dsr') ? 'dsr' : 'snat';
  const other = servers.find(({ method }) => (method === 'masquerading') !== (servers[0]?.method === 'masquerading'));
  throw new FairleadError(
    'FL_E_CONFIG',
    `${file}:${other?.line}: servers of ${formatFrontend(frontend)} by -m and by others: a service has one mode`,
    {
      hint: 'give all of its servers -m, or none of them',
    },
  );
}

/** Weights go to 1000 here, to 65535 there: all of a service's are made smaller by the same factor. */
function scaleWeights(backends: readonly Backend[], service: string, warnings: Set<string>): readonly Backend[] {
  const most = Math.max(0, ...backends.map(({ weight }) => weight));
  if (most <= MOST_WEIGHT) return backends;
  warnings.add(`service ${service}: weights up to ${most} were scaled to ${MOST_WEIGHT}`);
  return backends.map((backend) => ({
    ...backend,
    weight: backend.weight && Math.max(1, Math.round((backend.weight * MOST_WEIGHT) / most)),
  }));
}
