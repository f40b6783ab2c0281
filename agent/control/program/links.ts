// The program's way onto the devices: adopt, replace or attach, on all of them or on none.
// Imports platform/port, agent/model and its siblings.
// Invariant: a foreign program is never touched, and whatever fails, each device forwards by the program that it had before.

import type { Bpf, BpfLink, BpfProgram, InterfaceInfo, Platform } from '../../../platform/port.js';
import { FairleadError } from '../../model/errors.js';
import type { XdpMode } from '../../model/settings.js';
import type { Pins } from './pins.js';
import type { Step, Transaction } from '../apply/transaction.js';

type Driver = 'native' | 'generic';

export interface AttachedDevice {
  readonly name: string;
  readonly ifindex: number;
  readonly link: BpfLink;
  readonly mode: Driver;
  readonly how: 'adopted' | 'replaced' | 'attached';
  /** Why it is not as asked for: native refused and generic taken, the device was re-created. */
  readonly notice: string | undefined;
}

export interface AttachRequest {
  readonly bpf: Bpf;
  readonly pins: Pins;
  readonly program: BpfProgram;
  readonly devices: readonly InterfaceInfo[];
  readonly xdpMode: XdpMode;
  /** The program with this id, to put back when a later step fails; undefined when it cannot be had. */
  readonly formerProgram: (id: number) => BpfProgram | undefined;
}

/** Throws FL_E_FOREIGN_PROGRAM before anything is touched when somebody else's program is on a device without a link of ours. */
export function refuseForeignPrograms(
  { bpf, flavour }: Pick<Platform, 'bpf' | 'flavour'>,
  pins: Pins,
  devices: readonly InterfaceInfo[],
): void {
  for (const device of devices) {
    const link = bpf.openPinnedLink(pins.link(device.name));
    const ours = link !== undefined && link.ifindex === device.index;
    link?.close();
    const found = ours ? undefined : bpf.attachedProgram(device.index);
    if (found === undefined) continue;
    const how =
      flavour === 'linux' ? `ip link set dev ${device.name} xdp off, or bpftool net` : `netsh.exe ebpf delete program ${found.programId}`;
    throw new FairleadError(
      'FL_E_FOREIGN_PROGRAM',
      `device ${device.name}: program ${found.programName} (id ${found.programId}, ${found.mode}) is attached`,
      {
        hint: `it is not this instance's; take it off first, if it may go: ${how}`,
      },
    );
  }
}

/** Brings the program onto each device, as steps of `transaction`; its rollback puts the former programs back. */
export async function attachDevices(request: AttachRequest, transaction: Transaction): Promise<readonly AttachedDevice[]> {
  const attached: AttachedDevice[] = [];
  for (const device of request.devices) attached.push(await attachDevice(request, device, transaction));
  return attached;
}

async function attachDevice(request: AttachRequest, device: InterfaceInfo, transaction: Transaction): Promise<AttachedDevice> {
  const { bpf, pins, program, xdpMode } = request;
  const path = pins.link(device.name);
  const link = bpf.openPinnedLink(path);
  const about = { name: device.name, ifindex: device.index };
  if (link === undefined) return { ...about, ...(await attachNew(request, device, transaction)), how: 'attached' };
  if (link.ifindex !== device.index) {
    link.remove();
    const fresh = await attachNew(request, device, transaction);
    return { ...about, ...fresh, how: 'attached', notice: fresh.notice ?? `${device.name} was made anew since: attached again` };
  }
  const mode = bpf.attachedProgram(device.index)?.mode ?? 'native';
  if (xdpMode !== 'auto' && xdpMode !== mode) {
    const former = request.formerProgram(link.programId);
    await transaction.run(detachStep(bpf, link, former, device, mode, path));
    const fresh = await attachNew(request, device, transaction);
    return { ...about, ...fresh, how: 'attached', notice: `${device.name} was ${mode}: attached again` };
  }
  if (link.programId === program.id) return { ...about, link, mode, how: 'adopted', notice: undefined };
  await transaction.run(replaceStep(link, program, request.formerProgram(link.programId), device.name));
  return { ...about, link, mode, how: 'replaced', notice: undefined };
}

function replaceStep(link: BpfLink, program: BpfProgram, former: BpfProgram | undefined, device: string): Step {
  return {
    text: `program of ${device}`,
    run: () => link.replaceProgram(program),
    undo: async () => {
      if (former === undefined) throw new FairleadError('FL_E_ATTACH', `${device}: the former program is not pinned any more`);
      await link.replaceProgram(former);
      link.close();
    },
  };
}

function detachStep(bpf: Bpf, link: BpfLink, former: BpfProgram | undefined, device: InterfaceInfo, mode: Driver, path: string): Step {
  return {
    text: `${mode} program of ${device.name}`,
    run: () => link.remove(),
    undo: async () => {
      if (former === undefined) throw new FairleadError('FL_E_ATTACH', `${device.name}: the former program is not pinned any more`);
      (await bpf.attach(former, device.index, mode, path)).close();
    },
  };
}

/** Attaches; with 'auto' native first, generic when the driver cannot. */
async function attachNew(
  request: AttachRequest,
  device: InterfaceInfo,
  transaction: Transaction,
): Promise<Pick<AttachedDevice, 'link' | 'mode' | 'notice'>> {
  const modes: readonly Driver[] = request.xdpMode === 'auto' ? ['native', 'generic'] : [request.xdpMode];
  let notice: string | undefined;
  for (const mode of modes) {
    let link: BpfLink | undefined;
    const step: Step = {
      text: `attachment to ${device.name}`,
      run: async () => {
        link = await request.bpf.attach(request.program, device.index, mode, request.pins.link(device.name));
      },
      undo: () => link?.remove(),
    };
    try {
      await transaction.run(step);
      return { link: link as unknown as BpfLink, mode, notice };
    } catch (error) {
      const last = mode === modes.at(-1);
      if (last || (error instanceof FairleadError && ['FL_E_FOREIGN_PROGRAM', 'FL_E_PERMISSION'].includes(error.code))) throw error;
      notice = `${device.name}: the driver has no native XDP (${(error as Error).message}), generic XDP is taken: it is several times slower`;
    }
  }
  throw new FairleadError('FL_E_ATTACH', `device ${device.name}: no way to attach`);
}
