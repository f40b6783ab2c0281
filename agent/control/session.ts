// All that a running agent holds: handles, locks, timers, and how they are given back.
// Imports platform/port, agent/model and its siblings.
// Invariant: stop() and release() leave the data plane as it is; removeDataPlane() alone takes it away, links first.

import type { Lock, Platform } from '../../platform/port.js';
import { FairleadError } from '../model/errors.js';
import type { Endpoint } from '../model/service.js';
import type { Settings } from '../model/settings.js';
import type { Known } from '../health/checker.js';
import type { Log } from './log.js';
import type { AttachedDevice } from './program/links.js';
import type { NextHops } from './next-hop/neighbours.js';
import type { Pins } from './program/pins.js';
import type { PreparedProgram } from './program/program.js';
import type { PortRange } from './start/snat-range.js';
import type { StateFile } from './state/state-file.js';
import type { Tables } from './apply/table-steps.js';
import type { Warnings } from './warnings.js';

export interface SessionParts {
  readonly platform: Platform;
  readonly settings: Settings;
  readonly pins: Pins;
  readonly prepared: PreparedProgram;
  /** The object file that the program is loaded from; made again when it is not there any more. */
  readonly objectFile: () => Promise<string>;
  readonly devices: readonly AttachedDevice[];
  readonly lbAddresses: readonly string[];
  readonly snatRange: PortRange;
  readonly tables: Tables;
  readonly file: StateFile;
  readonly hops: NextHops;
  readonly hopChanges: HopChanges;
  readonly warnings: Warnings;
  readonly log: Log;
  /** Which backends served, and which were down by their checks, when the former agent ended. */
  readonly known: (service: number, backend: Endpoint) => Known;
  readonly lock: Extract<Lock, { held: true }>;
}

/** Next hops that changed, kept until somebody writes them. */
export class HopChanges {
  readonly #early = new Set<string>();
  #take: ((addresses: ReadonlySet<string>) => void) | undefined;

  add(addresses: ReadonlySet<string>): void {
    if (this.#take !== undefined) this.#take(addresses);
    else for (const address of addresses) this.#early.add(address);
  }

  onChange(take: (addresses: ReadonlySet<string>) => void): void {
    this.#take = take;
    if (this.#early.size > 0) take(new Set(this.#early));
    this.#early.clear();
  }
}

export class Session {
  readonly parts: SessionParts;
  #loaded = true;
  #released = false;

  constructor(parts: SessionParts) {
    this.parts = parts;
  }

  get loaded(): boolean {
    return this.#loaded;
  }

  /** Throws FL_E_CONFLICT after unload or close: the maps are not there to be read. */
  requireLoaded(): void {
    if (this.#loaded && !this.#released) return;
    throw new FairleadError('FL_E_CONFLICT', this.#loaded ? 'the agent was closed' : 'the data plane was unloaded', {
      hint: 'start the agent again',
    });
  }

  /** Ends timers and watchers. */
  stop(): void {
    this.parts.hops.close();
  }

  /** Gives back handles and the lock; what is pinned lives on. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    if (this.#loaded) this.#closeHandles();
    this.parts.lock.release();
  }

  /** Links, then program, maps and pins. The state file stays: the next start brings the services back. */
  removeDataPlane(): void {
    const { platform, pins, devices } = this.parts;
    for (const { link } of devices) link.remove();
    for (const name of pins.list().devices) platform.bpf.openPinnedLink(pins.link(name))?.remove();
    this.#loaded = false;
    this.parts.prepared.close();
    platform.bpf.removePins(pins.directory);
  }

  #closeHandles(): void {
    for (const { link } of this.parts.devices) link.close();
    this.parts.prepared.close();
  }
}
