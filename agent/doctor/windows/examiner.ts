// The doctor on Windows: gathers the facts, has them examined.
// Imports platform/port, agent/control, agent/model and its neighbours.
// Invariant: gathering changes nothing; without ebpfapi.dll, an administrator's rights or an agent it tells less, and does not fail.

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { InterfaceInfo, Platform } from '../../../platform/port.js';
import { findSourceDirectory } from '../../control/program/sources.js';
import { checkAgent, checkNextHops, checkVips } from '../checks/agent.js';
import { checkDevices } from '../checks/devices.js';
import { askAgent, byName, type Choice, chooseBalancerDevices, everyDevice, UNSEEN, viewRoute, withPlatform } from '../choice.js';
import type { BackendRequest, BalancerRequest, Examination, Examiner } from '../examiner.js';
import type { DeviceFacts, DeviceSettings } from '../facts.js';
import { type Finding, sortFindings } from '../finding.js';
import { findInstance } from '../instance.js';
import { ask as askTool, mend } from '../run.js';
import { checkBalancerRoute, checkDispatch, checkVipPlaces, checkWeakHost } from './checks/backend.js';
import {
  checkDriverMode,
  checkExecution,
  checkLibrary,
  checkPrograms,
  checkRights,
  checkServices,
  checkSigning,
  checkXdpEbpf,
} from './checks/machine.js';
import type { WindowsBackendFacts, WindowsBalancerFacts } from './facts.js';
import { readElevated, readHostModels, readMachine } from './machine.js';
import { LOOPBACK_ADAPTER, WINDOWS_REMEDIES } from './remedies.js';
import type { Ask } from './tools.js';

/** `load`: makes the platform, when it is first needed. `ask`: how Windows' tools are asked. */
export function makeExaminer(load: () => Promise<Platform>, ask: Ask = askTool): Examiner {
  return {
    balancer: (request) => withPlatform(load, (platform, trouble) => lookAtBalancer(platform, trouble, request, ask)),
    backend: (request) => withPlatform(load, (platform, trouble) => lookAtBackend(platform, trouble, request, ask)),
    mend,
  };
}

/** On a load balancer. Pure. */
export function examineBalancer(facts: WindowsBalancerFacts): readonly Finding[] {
  const { machine } = facts;
  const ofMachine = [
    ...checkRights(machine),
    ...checkServices(machine),
    ...checkXdpEbpf(machine),
    ...checkSigning(machine),
    ...checkExecution(machine),
    ...checkDriverMode(machine),
    ...checkPrograms(machine),
    ...checkLibrary(machine),
  ];
  if (machine.libraryTrouble !== undefined) return sortFindings(ofMachine);
  return sortFindings([
    ...ofMachine,
    ...checkDevices(facts, WINDOWS_REMEDIES),
    ...checkAgent(facts),
    ...checkNextHops(facts, WINDOWS_REMEDIES),
    ...checkVips(facts, WINDOWS_REMEDIES),
  ]);
}

/** On a backend. Pure. */
export function examineBackend(facts: WindowsBackendFacts): readonly Finding[] {
  const ofMachine = [...checkRights(facts.machine), ...checkLibrary(facts.machine).filter(({ level }) => level !== 'ok')];
  if (facts.machine.libraryTrouble !== undefined) return sortFindings(ofMachine);
  return sortFindings([
    ...ofMachine,
    ...checkDispatch(facts),
    ...checkDevices(facts, WINDOWS_REMEDIES),
    ...checkVipPlaces(facts),
    ...checkWeakHost(facts),
    ...checkBalancerRoute(facts),
  ]);
}

async function lookAtBalancer(
  platform: Platform | undefined,
  trouble: string | undefined,
  request: BalancerRequest,
  ask: Ask,
): Promise<Examination> {
  const interfaces = platform?.network.interfaces() ?? [];
  const [machine, asked] = await Promise.all([readMachine(ask, trouble), askAgent(request.agent, interfaces)]);
  const choice =
    platform === undefined ? UNSEEN : chooseBalancerDevices(platform, interfaces, ignoreCase(interfaces, request.devices), asked.agent);
  const facts: WindowsBalancerFacts = {
    machine,
    devices: platform === undefined ? [] : choice.infos.map((info) => viewDevice(platform, info)),
    missing: choice.missing,
    interfaces,
    ...asked,
  };
  return answer(choice, examineBalancer(facts));
}

async function lookAtBackend(
  platform: Platform | undefined,
  trouble: string | undefined,
  request: BackendRequest,
  ask: Ask,
): Promise<Examination> {
  const interfaces = platform?.network.interfaces() ?? [];
  const [elevated, hostModels] = await Promise.all([readElevated(ask), readHostModels(ask)]);
  const route = request.balancer === undefined ? undefined : platform?.network.route(request.balancer);
  const choice = platform === undefined ? UNSEEN : chooseBackendDevices(interfaces, request, route?.ifindex);
  const script = join(dirname(findSourceDirectory()), 'backends', 'windows', 'install.ps1');
  const facts: WindowsBackendFacts = {
    machine: { elevated, libraryTrouble: trouble },
    devices: platform === undefined ? [] : choice.infos.map((info) => viewDevice(platform, info)),
    missing: choice.missing,
    interfaces,
    hostModels,
    vips: request.vips,
    dispatch: request.dispatch,
    balancer:
      platform === undefined || request.balancer === undefined ? undefined : viewRoute(platform, interfaces, request.balancer, route),
    installScript: existsSync(script) ? script : undefined,
  };
  return answer(choice, examineBackend(facts));
}

function answer({ infos, chosenBy }: Choice, findings: readonly Finding[]): Examination {
  return { devices: infos.map(({ name }) => name), chosenBy, shell: 'powershell', findings };
}

/** Windows does not tell 'Ethernet' from 'ethernet'. */
function ignoreCase(interfaces: readonly InterfaceInfo[], names: readonly string[] | undefined): readonly string[] | undefined {
  return names?.map((name) => interfaces.find((info) => info.name.toLowerCase() === name.toLowerCase())?.name ?? name);
}

function chooseBackendDevices(
  interfaces: readonly InterfaceInfo[],
  { devices, balancer }: BackendRequest,
  towards: number | undefined,
): Choice {
  const named = ignoreCase(interfaces, devices);
  if (named !== undefined) return byName(interfaces, named, 'as given');
  const way = interfaces.filter(({ index }) => index === towards);
  if (way.length > 0) return { infos: way, missing: [], chosenBy: `what leads to ${balancer}` };
  return everyDevice(interfaces.filter(({ name }) => name !== LOOPBACK_ADAPTER));
}

const UNKNOWN_SETTINGS: DeviceSettings = {
  rpFilter: undefined,
  arpIgnore: undefined,
  arpAnnounce: undefined,
  forwarding4: undefined,
  forwarding6: undefined,
  ipv6Off: undefined,
};

function viewDevice(platform: Platform, info: InterfaceInfo): DeviceFacts {
  const attached = platform.bpf.attachedProgram(info.index);
  const xdp = attached && { ...attached, instance: findInstance(platform, info.name, attached.programId), linkId: undefined };
  return { ...info, driver: undefined, offloads: { lro: undefined, tx: undefined }, peer: undefined, xdp, settings: UNKNOWN_SETTINGS };
}
