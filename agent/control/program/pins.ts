// Names below an instance's pin folder: maps-<layout>/, program-<digest>, link-<device>.
// Imports platform/port alone.
// Invariant: what is pinned can be told from the names alone, by an agent that knows nothing else.

import type { Bpf } from '../../../platform/port.js';

const MAPS = 'maps-';
const PROGRAM = 'program-';
const LINK = 'link-';

export class Pins {
  readonly directory: string;
  readonly #bpf: Pick<Bpf, 'listPins'>;

  constructor(bpf: Pick<Bpf, 'listPins'>, pinRoot: string, instance: string) {
    this.#bpf = bpf;
    this.directory = `${pinRoot}/${instance}`;
  }

  /** Folder of the maps with this layout. */
  maps(layout: string): string {
    return `${this.directory}/${MAPS}${layout}`;
  }

  program(digest: string): string {
    return `${this.directory}/${PROGRAM}${digest}`;
  }

  link(device: string): string {
    return `${this.directory}/${LINK}${device}`;
  }

  /** Layouts whose maps are pinned, digests of the pinned programs, devices with a pinned link. */
  list(): { readonly layouts: readonly string[]; readonly digests: readonly string[]; readonly devices: readonly string[] } {
    const names = this.#bpf.listPins(this.directory);
    const rest = (prefix: string) => names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
    return { layouts: rest(MAPS), digests: rest(PROGRAM), devices: rest(LINK) };
  }
}
