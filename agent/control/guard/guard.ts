// Looks after the data plane once a second: what somebody else took off, removed or overwrote is put right, and told.
// Imports platform/port, agent/model and its siblings.
// Invariant: it acts in turn with the agent's own calls, never takes away what a person has attached, and says all that it does.

import type { AttachedDevice } from '../program/links.js';
import type { Log } from '../log.js';
import type { SessionParts } from '../session.js';
import { restoreDevices } from './restore-devices.js';
import { PinKeeper } from './restore-pins.js';
import { TableKeeper } from './restore-tables.js';

/** Milliseconds between two looks: what changes is noticed in less than two seconds. */
const INTERVAL = 1000;
/** A look takes at most this part of the agent's time: the larger the tables, the rarer. */
const MOST_SHARE = 0.05;

export interface GuardOptions {
  /** Runs the call in turn with all others that change something. */
  readonly inTurn: (call: () => Promise<void>) => Promise<void>;
  /** Puts a service's Maglev table in place anew. */
  readonly rebuildTable: (serviceId: number) => Promise<void>;
  readonly now?: () => Date;
}

export class Guard {
  readonly #parts: SessionParts;
  readonly #options: GuardOptions;
  readonly #log: Log;
  readonly #pins: PinKeeper;
  readonly #tables: TableKeeper;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #mended = 0;
  /** Complaints of the last look, which are told again only when they change. */
  #told = '';

  constructor(parts: SessionParts, options: GuardOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#log = parts.log;
    this.#pins = new PinKeeper(parts);
    this.#tables = new TableKeeper(parts.tables.datapath, options.rebuildTable);
    this.#wait(INTERVAL);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #wait(milliseconds: number): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => void this.#look(), milliseconds);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    let took = 0;
    await this.#options
      .inTurn(async () => {
        if (this.#closed) return;
        const began = performance.now();
        await this.#mend();
        took = performance.now() - began;
      })
      .catch(() => {}); // the agent was closed
    this.#wait(Math.max(INTERVAL, took / MOST_SHARE));
  }

  /** Each part by itself: where one cannot be mended, the others are. */
  async #mend(): Promise<void> {
    const complaints: string[] = [];
    const parts: readonly (() => Promise<readonly string[]>)[] = [
      async () => this.#pins.restore(),
      () => restoreDevices(this.#parts, this.#parts.devices as AttachedDevice[]),
      () => this.#tables.restore(),
    ];
    for (const part of parts) {
      try {
        for (const line of await part()) this.#tell(line);
      } catch (error) {
        complaints.push((error as Error).message);
      }
    }
    this.#complain(complaints);
  }

  #tell(line: string): void {
    this.#mended += 1;
    const at = (this.#options.now?.() ?? new Date()).toISOString().slice(0, 19);
    const times = this.#mended === 1 ? 'once' : `${this.#mended} times, the last time`;
    this.#parts.warnings.set('guard', `put right ${times} at ${at}Z what somebody else had changed: ${line}`);
    this.#log('warning', `put right: ${line}`, { by: 'guard' });
  }

  #complain(complaints: readonly string[]): void {
    const line = complaints.length === 0 ? undefined : `not as it should be, and cannot be put right: ${complaints.join('; ')}`;
    this.#parts.warnings.set('guard complaint', line);
    if (line !== undefined && line !== this.#told) this.#log('error', line, { by: 'guard' });
    this.#told = line ?? '';
  }
}
