// Calls the sweep again and again, and remembers what the last one found.
// Imports nothing of the agent; the sweep itself is agent/datapath's.
// Invariant: two sweeps never overlap; the timer keeps no process alive; a failing sweep is told and tried again.

export interface SweepResult {
  readonly scanned: number;
  readonly removed: number;
}

export class Sweeper {
  readonly #sweep: () => Promise<SweepResult>;
  readonly #milliseconds: number;
  readonly #tell: (error: Error | undefined) => void;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #closed = false;
  #entries = 0;

  /** `tell` gets the error of each sweep that fails, and undefined after each that does not. `seconds`: pause between two sweeps. */
  constructor(sweep: () => Promise<SweepResult>, seconds: number, tell: (error: Error | undefined) => void) {
    this.#sweep = sweep;
    this.#milliseconds = Math.max(1, Math.round(seconds * 1000));
    this.#tell = tell;
  }

  /** Begins the rhythm with a sweep that nobody waits for: a full map takes seconds. `entries`: how many there are now. */
  begin(entries: number): void {
    this.#entries = entries;
    void this.run();
  }

  /** Flow entries that the last sweep left. */
  get entries(): number {
    return this.#entries;
  }

  /** Sweeps now (or joins the sweep that runs) and begins the rhythm. */
  async run(): Promise<void> {
    this.#running ??= this.#once().finally(() => {
      this.#running = undefined;
    });
    await this.#running;
  }

  /** Ends the rhythm and waits for a sweep that runs. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  async #once(): Promise<void> {
    clearTimeout(this.#timer);
    try {
      const { scanned, removed } = await this.#sweep();
      this.#entries = scanned - removed;
      this.#tell(undefined);
    } catch (error) {
      this.#tell(error as Error);
    }
    if (this.#closed) return;
    this.#timer = setTimeout(() => void this.run(), this.#milliseconds);
    this.#timer.unref();
  }
}
