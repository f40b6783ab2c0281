// The last things that the agent told of itself, kept for who looks later.
// Imports its siblings.
// Invariant: memory is bounded, by the number of entries and by the length of each; entries are numbered in their order without a gap.

import type { Log, LogLevel } from './log.js';

const MOST_ENTRIES = 100;
/** Characters of a message: an error may quote what a person sent. */
const MOST_TEXT = 500;

export interface LogEntry {
  /** 1, 2, 3, ... since the agent began. */
  readonly number: number;
  /** Seconds since 1970. */
  readonly time: number;
  readonly level: LogLevel;
  readonly text: string;
  /** Who did it: 'api', 'health', 'guard'; undefined: the agent itself. */
  readonly by: string | undefined;
}

export class RecentLog {
  readonly #now: () => number;
  readonly #entries: LogEntry[] = [];
  #count = 0;

  /** `now` gives milliseconds since 1970. */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Keeps what `log` gets, and hands it on. What is for debugging is not kept. */
  readonly tap = (log: Log): Log => {
    return (level, message, fields = {}) => {
      log(level, message, fields);
      if (level === 'debug') return;
      this.#count += 1;
      const text = message.length > MOST_TEXT ? `${message.slice(0, MOST_TEXT - 1)}…` : message;
      const by = fields['by'];
      this.#entries.push({ number: this.#count, time: this.#now() / 1000, level, text, by: typeof by === 'string' ? by : undefined });
      if (this.#entries.length > MOST_ENTRIES) this.#entries.shift();
    };
  };

  /** Number of the last entry; 0: there was none yet. */
  get last(): number {
    return this.#count;
  }

  /** Entries after this number that are still kept, the oldest first. */
  after(number: number): readonly LogEntry[] {
    return this.#entries.filter((entry) => entry.number > number);
  }
}
