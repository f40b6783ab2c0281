// The answer of the status command.
// Imports platform/port, agent/datapath through the session, agent/model and its siblings.

import type { InterfaceInfo } from '../../platform/port.js';
import type { DesiredState } from '../model/service.js';
import type { DeviceView, StatusView } from '../model/views.js';
import { warnOfPorts } from '../model/warn-ports.js';
import type { AttachedDevice } from './program/links.js';
import type { Hop } from './next-hop/next-hop.js';
import { viewService } from './views.js';
import { mainAddress } from './start/interfaces.js';
import type { Session } from './session.js';
import { gaugePorts, warnOfPortGauges } from './snat-ports.js';

export async function viewStatus(session: Session, state: DesiredState): Promise<StatusView> {
  const { parts } = session;
  const { program, digest } = parts.prepared;
  const interfaces = parts.platform.network.interfaces();
  const backends = state.services.flatMap((service) => service.backends);
  const { flows, metrics } = parts.tables.datapath;
  const survey = await flows.survey();
  const snatPorts = gaugePorts(survey.ports, parts.snatRange, parts.settings.snatAddresses);
  const standing = parts.warnings.list();
  const views = { slots: parts.tables.slots, hopTo: (address: string) => parts.hops.get(address) };
  const found = [...warnOfPortGauges(snatPorts), ...state.services.flatMap((one) => warnOfPorts(viewService(views, one, state)))];
  return {
    instance: parts.settings.instance,
    pid: process.pid,
    mode: state.mode,
    dispatch: parts.settings.dispatch,
    program: { id: program.id, name: program.name, digest, instructions: program.verifiedInstructions },
    devices: parts.devices.map((device) => viewDevice(device, interfaces)),
    snatRange: parts.snatRange,
    services: state.services.length,
    backends: backends.length,
    unresolvedBackends: backends.filter(({ address }) => isUnresolved(parts.hops.get(address))).length,
    flows: { entries: survey.entries, limit: flows.limit },
    tables: [
      { name: 'services', entries: state.services.length, limit: parts.settings.maxServices },
      { name: 'backends', entries: parts.tables.slots.count, limit: parts.settings.maxBackends },
      { name: 'flows', entries: survey.entries, limit: flows.limit },
    ],
    snatPorts,
    counters: metrics.read(),
    warnings: [...standing.map(({ line }) => line), ...found],
    warningsSince: [...standing.map(({ since }) => since), ...found.map(() => undefined)],
  };
}

/** A backend on this node needs no next hop. */
const isUnresolved = ({ resolved, local }: Hop): boolean => resolved === undefined && !local;

function viewDevice(device: AttachedDevice, interfaces: readonly InterfaceInfo[]): DeviceView {
  const info = interfaces.find((candidate) => candidate.index === device.ifindex);
  const addresses = info === undefined ? [] : ([4, 6] as const).flatMap((family) => mainAddress(info, family)?.address ?? []);
  return {
    name: device.name,
    index: device.ifindex,
    mac: info?.mac ?? '',
    mtu: info?.mtu ?? 0,
    address: addresses[0],
    addresses,
    xdpMode: device.mode,
    linkId: device.link.id,
  };
}

/** What changed on the devices since the start, one line each by device name; undefined: nothing. */
export function* checkDevices(
  devices: readonly { readonly name: string; readonly ifindex: number }[],
  interfaces: readonly InterfaceInfo[],
  lbAddresses: readonly string[],
): Generator<readonly [string, string | undefined]> {
  for (const { name, ifindex } of devices) {
    const info = interfaces.find((candidate) => candidate.name === name);
    if (info === undefined) yield [name, `device ${name} is gone: start the agent again when it is back`];
    else if (info.index !== ifindex) yield [name, `device ${name} was made anew: start the agent again to attach to it`];
    else if (!info.up) yield [name, `device ${name} is down: ip link set ${name} up`];
    else yield [name, undefined];
  }
  const own = new Map(interfaces.flatMap((info) => info.addresses.map(({ address, state }) => [address, state])));
  for (const address of lbAddresses) {
    if (!own.has(address))
      yield [address, `LB address ${address} is not this node's any more: replies do not arrive; start the agent again`];
    else if (own.get(address) === 'duplicate') yield [address, `LB address ${address}: another node on the link has it too`];
    else yield [address, undefined];
  }
}
