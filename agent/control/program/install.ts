// Puts the prepared program on the devices, and then takes away what the one before it left.
// Imports platform/port, agent/model and its siblings.
// Invariant: nothing old is removed before every device has the new program; a failure leaves pins and links as they were.

import type { BpfProgram, InterfaceInfo, Platform } from '../../../platform/port.js';
import type { XdpMode } from '../../model/settings.js';
import { type AttachedDevice, attachDevices } from './links.js';
import type { Pins } from './pins.js';
import type { PreparedProgram } from './program.js';
import { type Step, Transaction } from '../apply/transaction.js';

export interface InstallRequest {
  readonly platform: Platform;
  readonly pins: Pins;
  readonly prepared: PreparedProgram;
  readonly layout: string;
  readonly devices: readonly InterfaceInfo[];
  readonly xdpMode: XdpMode;
}

export interface Installed {
  readonly devices: readonly AttachedDevice[];
  /** Devices that were served before and are not asked for any more. */
  readonly dropped: readonly string[];
  /** The maps of another layout were removed, and the flows in them are lost. */
  readonly flowsLost: boolean;
}

export async function installProgram(request: InstallRequest): Promise<Installed> {
  const { platform, pins, prepared } = request;
  const former = openFormer(request);
  const transaction = new Transaction();
  try {
    if (!prepared.adopted) await transaction.run(pinStep(request, former));
    const byId = (id: number) => former.find(({ program }) => program.id === id)?.program;
    const { bpf } = platform;
    const devices = await attachDevices(
      { bpf, pins, program: prepared.program, devices: request.devices, xdpMode: request.xdpMode, formerProgram: byId },
      transaction,
    );
    return { devices, ...removeOld(request) };
  } catch (error) {
    throw await transaction.rollback(error);
  } finally {
    for (const { program } of former) program.close();
  }
}

interface Former {
  readonly digest: string;
  readonly program: BpfProgram;
}

function openFormer({ platform, pins }: InstallRequest): readonly Former[] {
  return pins.list().digests.flatMap((digest) => {
    const program = platform.bpf.openPinnedProgram(pins.program(digest));
    return program === undefined ? [] : [{ digest, program }];
  });
}

/** A program of the same digest may be pinned whose maps are gone: the new one takes its place. */
function pinStep({ platform, pins, prepared }: InstallRequest, former: readonly Former[]): Step {
  const path = pins.program(prepared.digest);
  const before = former.find(({ digest }) => digest === prepared.digest)?.program;
  return {
    text: `pin of program ${prepared.program.id}`,
    run: () => {
      platform.bpf.removePins(path);
      try {
        prepared.program.pin(path);
      } catch (error) {
        before?.pin(path);
        throw error;
      }
    },
    undo: () => {
      platform.bpf.removePins(path);
      before?.pin(path);
    },
  };
}

/** Links of other devices, programs of other digests, maps of other layouts. */
function removeOld(request: InstallRequest): Pick<Installed, 'dropped' | 'flowsLost'> {
  const { pins, platform, prepared } = request;
  const { bpf } = platform;
  const found = pins.list();
  const dropped = found.devices.filter((name) => !request.devices.some((device) => device.name === name));
  for (const name of dropped) bpf.openPinnedLink(pins.link(name))?.remove();
  for (const digest of found.digests) if (digest !== prepared.digest) bpf.removePins(pins.program(digest));
  const layouts = found.layouts.filter((layout) => layout !== request.layout);
  for (const layout of layouts) bpf.removePins(pins.maps(layout));
  return { dropped, flowsLost: layouts.length > 0 };
}
