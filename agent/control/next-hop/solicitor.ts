// When to ask the network for a next hop's MAC: soon and with growing pauses while it is unknown, now and then once it is known.
// Imports platform/port alone.
// Invariant: one timer, which keeps no process alive; a next hop that is not wanted any more is not asked for.

import type { Network } from '../../../platform/port.js';
import { neighbourKey } from './next-hop.js';

/**
 * Milliseconds. A resolved next hop is asked every 5 s, so that one that changes its MAC without a word is found soon;
 * beyond 1000 of them less often, for at most 200 questions a second.
 */
export const SOLICIT = { first: 250, longest: 5000, resolved: 5000, each: 5 } as const;

interface Asked {
  readonly ifindex: number;
  readonly address: string;
  resolved: boolean;
  /** Pause after the next question, milliseconds. */
  pause: number;
  /** performance.now() of the next question. */
  due: number;
}

export class Solicitor {
  readonly #network: Pick<Network, 'solicit'>;
  readonly #tell: (error: Error | undefined) => void;
  readonly #asked = new Map<string, Asked>();
  #timer: NodeJS.Timeout | undefined;
  /** performance.now() of the timer's end. */
  #armed = Number.POSITIVE_INFINITY;
  #closed = false;

  /** `tell`: gets the error of a question that could not be asked, undefined when one could. */
  constructor(network: Pick<Network, 'solicit'>, tell: (error: Error | undefined) => void) {
    this.#network = network;
    this.#tell = tell;
  }

  /** Says whether this next hop is known; one that is new and unknown, or has become unknown, is asked for at once. */
  update(ifindex: number, address: string, resolved: boolean): void {
    const key = neighbourKey(ifindex, address);
    const before = this.#asked.get(key);
    if (before !== undefined && before.resolved === resolved) return;
    // Spread over the period, so that a thousand backends added together are not asked for in one burst each time.
    const due = performance.now() + (resolved ? this.#period() * (0.5 + Math.random() / 2) : 0);
    this.#asked.set(key, { ifindex, address, resolved, pause: SOLICIT.first, due });
    if (due < this.#armed) this.#arm(due);
  }

  /** Asks for this next hop no more. */
  forget(ifindex: number, address: string): void {
    this.#asked.delete(neighbourKey(ifindex, address));
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  /** Pause between two questions for a resolved next hop. */
  #period(): number {
    return Math.max(SOLICIT.resolved, this.#asked.size * SOLICIT.each);
  }

  #arm(due: number): void {
    clearTimeout(this.#timer);
    this.#armed = due;
    if (this.#closed || due === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(() => this.#askDue(), Math.max(0, due - performance.now()));
    this.#timer.unref();
  }

  #askDue(): void {
    const now = performance.now();
    for (const asked of this.#asked.values()) {
      if (asked.due > now) continue;
      try {
        this.#network.solicit(asked.ifindex, asked.address);
        this.#tell(undefined);
      } catch (error) {
        this.#tell(error as Error);
      }
      asked.due = now + (asked.resolved ? this.#period() : asked.pause);
      asked.pause = Math.min(asked.pause * 2, SOLICIT.longest);
    }
    let earliest = Number.POSITIVE_INFINITY;
    for (const { due } of this.#asked.values()) earliest = Math.min(earliest, due);
    this.#arm(earliest);
  }
}
