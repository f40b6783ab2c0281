// The devices that the program is attached to, over devices (an array; reverse entries name a device by its index).
// Imports agent/model, platform/port and its siblings.
// Invariant: a device keeps its index as long as it is served, so that reverse entries stay true.

import type { BpfMap } from '../../platform/port.js';
import { FairleadError } from '../model/errors.js';
import { DEVICE, encodeIndex, MAX_DEVICES } from './layout.js';

export interface ServedDevice {
  readonly ifindex: number;
  readonly mac: string;
}

const NONE: ServedDevice = { ifindex: 0, mac: '00:00:00:00:00:00' };

/** Indices that a device may have. */
const PLACES = Array.from({ length: MAX_DEVICES - 1 }, (_, i) => i + 1);

export class DeviceTable {
  readonly #map: BpfMap;

  constructor(map: BpfMap) {
    this.#map = map;
  }

  /** The devices that the table holds, in the order of their indices. */
  list(): readonly ServedDevice[] {
    return PLACES.map((index) => this.#read(index)).filter(({ ifindex }) => ifindex !== 0);
  }

  /** The device of this index; undefined: there is none. */
  at(index: number): ServedDevice | undefined {
    const device = this.#read(index);
    return device.ifindex === 0 ? undefined : device;
  }

  /** Makes the table hold these devices. Throws FL_E_LIMIT for more than 15. */
  set(devices: readonly ServedDevice[]): void {
    if (devices.length >= MAX_DEVICES) {
      throw new FairleadError('FL_E_LIMIT', `${devices.length} devices: at most ${MAX_DEVICES - 1}`, { hint: 'name fewer with --device' });
    }
    const wanted = new Map<number, ServedDevice>();
    const present = new Map(PLACES.map((index) => [this.#read(index).ifindex, index]));
    for (const device of devices) {
      const index = present.get(device.ifindex);
      if (index !== undefined) wanted.set(index, device);
    }
    for (const device of devices) {
      if (present.has(device.ifindex)) continue;
      wanted.set(PLACES.find((index) => !wanted.has(index)) as number, device);
    }
    for (const index of PLACES) {
      const before = this.#read(index);
      const after = wanted.get(index) ?? NONE;
      if (before.ifindex !== after.ifindex || before.mac !== after.mac) this.#map.update(encodeIndex(index), DEVICE.encode(after));
    }
  }

  #read(index: number): ServedDevice {
    const value = this.#map.lookup(encodeIndex(index));
    return value === undefined ? NONE : DEVICE.decode(value);
  }
}
