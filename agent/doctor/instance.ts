// Whose program a device carries: found by the pins of Fairlead's instances.
// Imports platform/port, agent/control's pins and agent/model.

import type { Platform } from '../../platform/port.js';
import { Pins } from '../control/program/pins.js';
import { FairleadError } from '../model/errors.js';

/**
 * The instance of Fairlead whose pinned link holds this program on the device. By the program's id: instances of other network
 * namespaces have their pins in the same folder, and devices of the same name and index.
 */
export function findInstance({ bpf, pinRoot }: Platform, device: string, programId: number): string | undefined {
  try {
    return bpf.listPins(pinRoot).find((instance) => {
      const link = bpf.openPinnedLink(new Pins(bpf, pinRoot, instance).link(device));
      const same = link?.programId === programId;
      link?.close();
      return same;
    });
  } catch (error) {
    // Who is not root may not look into the folder of pins.
    if (error instanceof FairleadError) return undefined;
    throw error;
  }
}
