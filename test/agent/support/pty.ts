// A program on a real pseudo-terminal, by script(1) of util-linux: typed at, and waited for by what it prints.
// Imports node's child_process. Each wait has its own deadline and fails with what was printed until then.

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { stripVTControlCharacters } from 'node:util';

const DEADLINE = 15_000;

export class Terminal {
  /** All that was printed, with its control sequences. */
  raw = '';
  /** How much of it earlier waits have consumed. */
  #seen = 0;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<number>;
  #wake: () => void = () => {};

  /** `command` is run by a shell. Columns and rows are those of the terminal. */
  constructor(command: string, environment: Record<string, string> = {}, columns = 80) {
    const line = `stty cols ${columns} rows 50; exec ${command}`;
    this.#child = spawn('script', ['-qfec', line, '/dev/null'], {
      env: { ...process.env, SHELL: '/bin/sh', TERM: 'xterm', ...environment },
    });
    this.#child.stdin.on('error', () => {});
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.on('data', (piece: Buffer) => {
        this.raw += piece.toString();
        this.#wake();
      });
    }
    this.#ended = new Promise((resolve) => {
      this.#child.once('close', (code) => resolve(code ?? -1));
    });
  }

  /** All that was printed, without control sequences; one that has not come whole yet is left out. */
  get text(): string {
    const last = this.raw.lastIndexOf('\x1b');
    const whole = /^.\[?[0-9;?]*$/.test(this.raw.slice(last)) ? this.raw.slice(0, last) : this.raw;
    return stripVTControlCharacters(whole).replaceAll('\r', '');
  }

  type(keys: string): void {
    this.#child.stdin.write(keys);
  }

  /** Waits until `pattern` stands in what was printed since the last wait; gives back that part, through the match. */
  async wait(pattern: RegExp): Promise<string> {
    const deadline = Date.now() + DEADLINE;
    for (;;) {
      const fresh = this.text.slice(this.#seen);
      const found = pattern.exec(fresh);
      if (found !== null) {
        const end = found.index + found[0].length;
        this.#seen += end;
        return fresh.slice(0, end);
      }
      if (Date.now() > deadline) throw new Error(`${pattern} did not come; printed since: ${JSON.stringify(fresh)}`);
      await this.#nextText();
    }
  }

  /** Types a line, waits for the prompt after its answer, and gives back the answer. */
  async ask(line: string): Promise<string> {
    this.type(`${line}\r`);
    await this.wait(/\n/);
    return (await this.wait(/fairlead> /)).replace(/fairlead> $/, '');
  }

  #nextText(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, 200);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Exit status of the program. */
  ended(): Promise<number> {
    return this.#ended;
  }

  /** Ends what is left. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
