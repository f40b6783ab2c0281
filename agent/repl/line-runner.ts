// What prompt and plain lines share: the session's options and end, and the one that runs its lines.
// Imports agent/commands, and types of agent/control and agent/doctor. Streams and agent are arguments; only agent/main.ts knows the process.
// Invariant: commands are carried out one after the other in the order in which they came.

import type { Readable, Writable } from 'node:stream';
import { runLine } from '../commands/run-line.js';
import type { Keyboard } from '../commands/verb.js';
import type { Sink } from '../commands/sink.js';
import type { Agent } from '../control/agent.js';
import type { Examiner } from '../doctor/examiner.js';
import { EXIT, type ExitStatus } from '../model/errors.js';

export interface SessionOptions {
  readonly agent: Agent;
  readonly input: Readable & { readonly isTTY?: boolean };
  readonly output: Writable;
  /** `output` as the commands write to it. */
  readonly out: Sink;
  readonly err: Sink;
  /** File of earlier lines; undefined: none is kept. */
  readonly historyFile: string | undefined;
  /** Aborted: the running command is cancelled and the session ends. */
  readonly stop: AbortSignal;
  /** Defects are shown with their stack. */
  readonly debug: boolean;
  /** The keyboard while a command runs; the prompt makes its own. */
  readonly keyboard?: Keyboard;
  /** Looks at the machine that this process is on. */
  readonly doctor?: () => Promise<Examiner>;
}

export type LeaveReason = 'exit' | 'unloaded' | 'end-of-input' | 'stopped';
export interface SessionEnd {
  readonly why: LeaveReason;
  /** Of the last command that failed; done (0) at a prompt, where the person saw it. */
  readonly status: ExitStatus;
}

/** Runs lines, knows the running one's cancel and whether the person has left. */
export class LineRunner {
  /** Why the session ends after the current line; undefined: it goes on. */
  left: LeaveReason | undefined;
  status: ExitStatus = EXIT.done;
  #running: AbortController | undefined;
  readonly #options: SessionOptions;

  constructor(options: SessionOptions) {
    this.#options = options;
    options.stop.addEventListener('abort', () => {
      this.left ??= 'stopped';
      this.cancel();
    });
    if (options.stop.aborted) this.left = 'stopped';
  }

  async run(line: string): Promise<void> {
    if (this.left !== undefined) return;
    const running = new AbortController();
    this.#running = running;
    const { agent, out, err, debug, doctor, keyboard } = this.#options;
    const leave = (why: 'exit' | 'unloaded') => {
      this.left = why;
    };
    const status = await runLine(line, { agent, out, err, signal: running.signal, leave, doctor, keyboard }, debug);
    if (status !== EXIT.done) this.status = status;
    this.#running = undefined;
  }

  /** Asks the running command to stop; false when none runs. */
  cancel(): boolean {
    this.#running?.abort();
    return this.#running !== undefined;
  }
}
