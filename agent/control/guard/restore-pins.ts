// Pins: without them the data plane would end with the agent, and the next one would not find it.
// Imports platform/port and control/program.
// Invariant: only what was pinned when the agent began is pinned again, at the same place.

import type { SessionParts } from '../session.js';

export class PinKeeper {
  readonly #parts: SessionParts;
  readonly #mapFolder: string;
  readonly #maps: readonly string[];

  constructor(parts: SessionParts) {
    this.#parts = parts;
    const { pins, platform } = parts;
    this.#mapFolder = pins.maps(pins.list().layouts[0] ?? '');
    this.#maps = platform.bpf.listPins(this.#mapFolder);
  }

  /** Returns what was pinned again. Throws FL_E_LOAD. */
  restore(): readonly string[] {
    const { pins, platform, prepared, devices } = this.#parts;
    const { bpf } = platform;
    const found = pins.list();
    const there = new Set(bpf.listPins(this.#mapFolder));
    const maps = this.#maps.filter((name) => !there.has(name));
    const links = devices.filter(({ name, link }) => !found.devices.includes(name) && link.ifindex !== 0);
    const program = !found.digests.includes(prepared.digest);
    if (maps.length === 0 && links.length === 0 && !program) return [];
    bpf.makePinDirectory(this.#mapFolder);
    for (const name of maps) prepared.maps.get(name)?.pin(`${this.#mapFolder}/${name}`);
    if (program) prepared.program.pin(pins.program(prepared.digest));
    for (const { link } of links) link.pinAgain();
    const names = [
      ...(program ? ['the program'] : []),
      ...maps.map((name) => `map ${name}`),
      ...links.map(({ name }) => `link of ${name}`),
    ];
    const more = names.length > 4 ? ` and ${names.length - 4} more` : '';
    return [`pins were removed: ${names.slice(0, 4).join(', ')}${more}; pinned again`];
  }
}
