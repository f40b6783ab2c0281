// Checks of a device's plain facts: is it there, is it up, has it an address.
// Imports its neighbours alone.

import { LINUX_REMEDIES, type Remedies } from '../commands.js';
import type { DeviceChoice, DeviceFacts } from '../facts.js';
import { type Finding, fine } from '../finding.js';

export function checkDevices(
  { devices, missing }: Pick<DeviceChoice, 'devices' | 'missing'>,
  remedies: Remedies = LINUX_REMEDIES,
): readonly Finding[] {
  const absent = missing.map(
    (name): Finding => ({
      level: 'problem',
      check: 'device',
      text: `device ${name}: there is none of this name`,
      advice: remedies.listDevices,
    }),
  );
  if (devices.length + missing.length > 0) return [...absent, ...devices.map((device) => checkDevice(device, remedies))];
  return [{ level: 'problem', check: 'device', text: 'no device is up', advice: 'Name one with --device.' }];
}

function checkDevice({ name, up, addresses, driver, mtu }: DeviceFacts, remedies: Remedies): Finding {
  if (!up) {
    return {
      level: 'problem',
      check: 'device',
      text: `${name} is down`,
      why: 'No packet comes or goes.',
      command: remedies.raise(name),
      harmless: true,
    };
  }
  if (addresses.length === 0) {
    return {
      level: 'warning',
      check: 'device',
      text: `${name} has no address (link-local ones do not count)`,
      why: 'Packets to backends carry an address of this node as their source, and replies come back to it.',
      advice: 'Give it one, or name another of this node: --lb-address.',
    };
  }
  return fine('device', `${name}: up${driver === undefined ? '' : `, driver ${driver}`}, MTU ${mtu}, ${addresses[0]?.address}`);
}
