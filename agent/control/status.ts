// The answer of the status command.
// Imports platform/port, agent/datapath through the session, agent/model and its siblings.

import type { InterfaceInfo } from '../../platform/port.js';
import type { DesiredState } from '../model/service.js';
import type { DeviceView, StatusView } from '../model/views.js';
import { warnOfPorts } from '../model/warn-ports.js';
import type { AttachedDevice } from './program/links.js';
import type { Session } from './session.js';

export async function viewStatus(session: Session, state: DesiredState): Promise<StatusView> {
  const { parts } = session;
  const { program, digest } = parts.prepared;
  const interfaces = parts.platform.network.interfaces();
  const backends = state.services.flatMap((service) => service.backends);
  const { flows, metrics } = parts.tables.datapath;
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
    unresolvedBackends: backends.filter(({ address }) => parts.hops.get(address).resolved === undefined).length,
    flows: { entries: parts.sweeper.entries, limit: flows.limit },
    counters: metrics.read(),
    warnings: [...parts.warnings.list(), ...state.services.flatMap((one) => warnOfPorts({ ...one, mode: one.mode ?? state.mode }))],
  };
}

function viewDevice(device: AttachedDevice, interfaces: readonly InterfaceInfo[]): DeviceView {
  const info = interfaces.find((candidate) => candidate.index === device.ifindex);
  return {
    name: device.name,
    index: device.ifindex,
    mac: info?.mac ?? '',
    mtu: info?.mtu ?? 0,
    address: info?.addresses[0]?.address,
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
  const own = new Set(interfaces.flatMap((info) => info.addresses.map(({ address }) => address)));
  for (const address of lbAddresses) {
    const lost = `LB address ${address} is not this node's any more: replies do not arrive; start the agent again`;
    yield [address, own.has(address) ? undefined : lost];
  }
}
