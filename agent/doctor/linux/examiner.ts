// The doctor on Linux: chooses the devices, gathers the facts, has them examined.
// Imports platform/port, agent/control, agent/model and its neighbours.
// Invariant: gathering changes nothing; without libbpf, root or an agent it tells less, and does not fail.

import type { InterfaceInfo, Platform, Route } from '../../../platform/port.js';
import { familyOf } from '../../model/address.js';
import { askAgent, byName, type Choice, chooseBalancerDevices, everyDevice, UNSEEN, viewRoute, withPlatform } from '../choice.js';
import { examineBackend, examineBalancer } from '../examine.js';
import type { BackendRequest, BalancerRequest, Examination, Examiner } from '../examiner.js';
import type { BackendFacts, BalancerFacts } from '../facts.js';
import { findInstallScript, installedDevices, readDecap } from './decap.js';
import { readDevices } from './devices.js';
import { isIpv6Off, readMachine, readReservedPorts } from './machine.js';
import { look, lookJson, mend } from '../run.js';

const LOOPBACK = 'lo';

/** `load`: makes the platform, when it is first needed. */
export function makeExaminer(load: () => Promise<Platform>): Examiner {
  return {
    balancer: (request) => withPlatform(load, (platform, trouble) => lookAtBalancer(platform, trouble, request)),
    backend: (request) => withPlatform(load, (platform, trouble) => lookAtBackend(platform, trouble, request)),
    mend,
  };
}

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
