// The doctor on Linux: chooses the devices, gathers the facts, has them examined.
// Imports platform/port, agent/control, agent/model and its neighbours.
// Invariant: gathering changes nothing; without libbpf, root or an agent it tells less, and does not fail.

import type { InterfaceInfo, Platform, Route } from '../../../platform/port.js';
import type { Agent } from '../../control/agent.js';
import { familyOf } from '../../model/address.js';
import { FairleadError } from '../../model/errors.js';
import { examineBackend, examineBalancer } from '../examine.js';
import type { BackendRequest, BalancerRequest, Examination, Examiner } from '../examiner.js';
import type { AgentFacts, BackendFacts, BalancerFacts, RouteFacts } from '../facts.js';
import { findInstallScript, installedDevices, readDecap } from './decap.js';
import { findInstance, readDevices } from './devices.js';
import { isIpv6Off, readMachine, readReservedPorts } from './machine.js';
import { look, lookJson, mend } from './run.js';

const LOOPBACK = 'lo';

/** `load`: makes the platform, when it is first needed. */
export function makeExaminer(load: () => Promise<Platform>): Examiner {
  return {
    balancer: (request) => withPlatform(load, (platform, trouble) => lookAtBalancer(platform, trouble, request)),
    backend: (request) => withPlatform(load, (platform, trouble) => lookAtBackend(platform, trouble, request)),
    mend,
  };
}

/** A library that is not installed is a finding, not a failure. */
async function withPlatform<Result>(
  load: () => Promise<Platform>,
  run: (platform: Platform | undefined, trouble: string | undefined) => Promise<Result>,
): Promise<Result> {
  let platform: Platform;
  try {
    platform = await load();
  } catch (error) {
    if (!(error instanceof FairleadError) || error.code !== 'FL_E_MISSING') throw error;
    return run(undefined, error.message);
  }
  return run(platform, undefined);
}

interface Choice {
  readonly infos: readonly InterfaceInfo[];
  readonly missing: readonly string[];
  readonly chosenBy: string;
}

const UNSEEN: Choice = { infos: [], missing: [], chosenBy: 'none could be looked at' };

async function lookAtBalancer(platform: Platform | undefined, trouble: string | undefined, request: BalancerRequest): Promise<Examination> {
  const interfaces = platform?.network.interfaces() ?? [];
  const [machine, asked] = await Promise.all([readMachine(trouble, true), askAgent(request.agent, interfaces)]);
  const choice = platform === undefined ? UNSEEN : chooseBalancerDevices(platform, interfaces, request.devices, asked.agent);
  const facts: BalancerFacts = {
    machine,
    devices: platform === undefined ? [] : await readDevices(platform, choice.infos),
    missing: choice.missing,
    chosenBy: choice.chosenBy,
    interfaces,
    localPorts: platform?.network.localPortRange(),
    reservedPorts: readReservedPorts(),
    ...asked,
  };
  return { devices: facts.devices.map(({ name }) => name), chosenBy: facts.chosenBy, findings: examineBalancer(facts) };
}

/** What a running agent knows; nothing when there is none. */
async function askAgent(
  agent: Agent,
  interfaces: readonly InterfaceInfo[],
): Promise<{ agent: AgentFacts | undefined; agentTrouble: string | undefined }> {
  try {
    const [status, services, backends, neighbours] = await Promise.all([
      agent.status(),
      agent.listServices(),
      agent.listBackends(),
      agent.listNeighbours(),
    ]);
    // Its socket is a file: an agent of another network namespace answers here too.
    if (!status.devices.some(({ index, name }) => interfaces.some((info) => info.index === index && info.name === name))) {
      const names = status.devices.map(({ name }) => name).join(', ');
      return { agent: undefined, agentTrouble: `none of its devices (${names}) is in this network namespace` };
    }
    return { agent: { status, services, backends, neighbours }, agentTrouble: undefined };
  } catch (error) {
    if (!(error instanceof FairleadError)) throw error;
    return { agent: undefined, agentTrouble: error.code === 'FL_E_NO_AGENT' ? undefined : error.message };
  }
}

function chooseBalancerDevices(
  platform: Platform,
  interfaces: readonly InterfaceInfo[],
  asked: readonly string[] | undefined,
  agent: AgentFacts | undefined,
): Choice {
  if (asked !== undefined) return byName(interfaces, asked, 'as given');
  // An agent of another network namespace answers here too: its devices are not these.
  const served =
    agent?.status.devices.filter(({ index, name }) => interfaces.some((info) => info.index === index && info.name === name)) ?? [];
  if (served.length > 0) {
    const names = served.map(({ name }) => name);
    return byName(interfaces, names, `what the agent of instance ${agent?.status.instance} serves`);
  }
  const carrying = interfaces.filter(({ name, index }) => {
    const attached = platform.bpf.attachedProgram(index);
    return attached !== undefined && findInstance(platform, name, attached.programId) !== undefined;
  });
  if (carrying.length > 0) return { infos: carrying, missing: [], chosenBy: "what carries Fairlead's program" };
  return everyDevice(interfaces);
}

function byName(interfaces: readonly InterfaceInfo[], names: readonly string[], chosenBy: string): Choice {
  const infos = names.flatMap((name) => interfaces.find((info) => info.name === name) ?? []);
  return { infos, missing: names.filter((name) => !infos.some((info) => info.name === name)), chosenBy };
}

function everyDevice(interfaces: readonly InterfaceInfo[]): Choice {
  const up = interfaces.filter(({ name, up }) => up && name !== LOOPBACK);
  const having = up.filter(({ addresses }) => addresses.length > 0);
  if (having.length === 0) return { infos: up, missing: [], chosenBy: 'all that are up; name others with --device' };
  return { infos: having, missing: [], chosenBy: 'all that are up and have an address; name others with --device' };
}

async function lookAtBackend(platform: Platform | undefined, trouble: string | undefined, request: BackendRequest): Promise<Examination> {
  const machine = await readMachine(trouble, false);
  const interfaces = platform?.network.interfaces() ?? [];
  const route = request.balancer === undefined ? undefined : platform?.network.route(request.balancer);
  const choice = platform === undefined ? UNSEEN : chooseBackendDevices(interfaces, request, route);
  const devices = platform === undefined ? [] : await readDevices(platform, choice.infos);
  const facts: BackendFacts = {
    machine,
    devices: await Promise.all(
      devices.map(async (device) => ({
        ...device,
        decap: await readDecap(device.name, device.xdp?.programName, interfaces),
        proxies: await readProxies(device.name, request.vips),
      })),
    ),
    missing: choice.missing,
    chosenBy: choice.chosenBy,
    interfaces,
    loopback: { name: LOOPBACK, ipv6Off: isIpv6Off(LOOPBACK) },
    clampedFamilies: await readClampedFamilies(),
    vips: request.vips,
    dispatch: request.dispatch,
    balancer:
      platform === undefined || request.balancer === undefined ? undefined : viewRoute(platform, interfaces, request.balancer, route),
    installScript: findInstallScript(),
  };
  return { devices: devices.map(({ name }) => name), chosenBy: facts.chosenBy, findings: examineBackend(facts) };
}

function chooseBackendDevices(
  interfaces: readonly InterfaceInfo[],
  { devices, balancer }: BackendRequest,
  route: Route | undefined,
): Choice {
  if (devices !== undefined) return byName(interfaces, devices, 'as given');
  const towards = interfaces.filter(({ index }) => index === route?.ifindex);
  if (towards.length > 0) return { infos: towards, missing: [], chosenBy: `what leads to ${balancer}` };
  const installed = installedDevices();
  const known = interfaces.filter(({ name }) => installed.includes(name));
  if (known.length > 0) return { infos: known, missing: [], chosenBy: 'what install.sh was run for' };
  return everyDevice(interfaces);
}

function viewRoute(platform: Platform, interfaces: readonly InterfaceInfo[], address: string, route: Route | undefined): RouteFacts {
  const device = interfaces.find(({ index }) => index === route?.ifindex)?.name;
  const neighbour = platform.network.neighbours().find((one) => one.ifindex === route?.ifindex && one.address === route.nextHop);
  return { address, device, nextHop: route?.nextHop, neighbour: neighbour?.state };
}

async function readProxies(device: string, vips: readonly string[]): Promise<readonly string[]> {
  const ipv6 = vips.filter((vip) => familyOf(vip) === 6);
  if (ipv6.length === 0) return [];
  const entries = await lookJson(['ip', '-6', '-json', 'neighbour', 'show', 'proxy', 'dev', device]);
  return Array.isArray(entries) ? ipv6.filter((vip) => (entries as { dst?: string }[]).some(({ dst }) => dst === vip)) : [];
}

async function readClampedFamilies(): Promise<readonly (4 | 6)[]> {
  const families = await Promise.all(
    ([4, 6] as const).map(async (family) => {
      const routes = await look(['ip', `-${family}`, 'route', 'show', 'table', 'all']);
      return routes !== undefined && /\badvmss\b/.test(routes) ? [family] : [];
    }),
  );
  return families.flat();
}
