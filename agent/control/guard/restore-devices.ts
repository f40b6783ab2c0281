// The program on its devices: attached again where it was taken off, put back where another took its place in our own link.
// Imports platform/port, agent/model and control/program.
// Invariant: a program of somebody else's is told, never taken off.

import { FairleadError } from '../../model/errors.js';
import { type AttachedDevice, attachDevices } from '../program/links.js';
import type { SessionParts } from '../session.js';
import { Transaction } from '../apply/transaction.js';

/** `devices`: the session's list, in which a device gets its new link. Returns what was done. Throws FL_E_FOREIGN_PROGRAM, FL_E_ATTACH. */
export async function restoreDevices(parts: SessionParts, devices: AttachedDevice[]): Promise<readonly string[]> {
  const done: string[] = [];
  const failures: unknown[] = [];
  for (const [index, device] of devices.entries()) {
    try {
      const restored = await restoreDevice(parts, device);
      if (restored === undefined) continue;
      devices[index] = restored.device;
      done.push(restored.line);
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0 && done.length === 0) throw failures[0];
  return done;
}

async function restoreDevice(
  { platform, pins, prepared, settings }: SessionParts,
  device: AttachedDevice,
): Promise<{ readonly device: AttachedDevice; readonly line: string } | undefined> {
  const { bpf } = platform;
  const { program } = prepared;
  const { ifindex, programId } = device.link;
  if (ifindex === device.ifindex && programId === program.id) return undefined;
  // A device that is gone or was made anew is told by checkDevices().
  const info = platform.network.interfaces().find(({ index, name }) => index === device.ifindex && name === device.name);
  if (info === undefined) return undefined;
  const found = ifindex === device.ifindex ? undefined : bpf.attachedProgram(device.ifindex);
  if (found !== undefined) {
    throw new FairleadError(
      'FL_E_FOREIGN_PROGRAM',
      `device ${device.name}: the program was taken off, and program ${found.programId} (${found.programName}) is attached; ` +
        `take that off, if it may go: ip link set dev ${device.name} xdp off`,
    );
  }
  const former = (id: number) => (id === program.id ? program : undefined);
  const request = { bpf, pins, program, devices: [info], xdpMode: settings.xdpMode, formerProgram: former };
  const [attached] = await attachDevices(request, new Transaction());
  if (attached === undefined) return undefined;
  device.link.close();
  const what = ifindex === device.ifindex ? `program ${programId} was in our place` : 'the program was taken off';
  return { device: { ...attached, how: 'attached' }, line: `device ${device.name}: ${what}; attached again, link id ${attached.link.id}` };
}
