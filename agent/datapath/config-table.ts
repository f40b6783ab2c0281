// The settings of the running program, over config (one entry).
// Imports platform/port and its siblings. macros.ts makes the entry from the agent's settings.
// Invariant: read() gives back what write() was given.

import type { BpfMap } from '../../platform/port.js';
import { CONFIG, type Config, encodeIndex } from './layout.js';

export class ConfigTable {
  readonly #map: BpfMap;

  constructor(map: BpfMap) {
    this.#map = map;
  }

  /** Undefined while nothing was written: the kernel gives a new array's entry as zeros. */
  read(): Config | undefined {
    const value = this.#map.lookup(encodeIndex(0));
    const config = value === undefined ? undefined : CONFIG.decode(value);
    return config === undefined || config.ticksPerSecond === 0 ? undefined : config;
  }

  write(config: Config): void {
    this.#map.update(encodeIndex(0), CONFIG.encode(config));
  }
}
