// The file that the desired state outlives the agent in, with its last good copy.
// Imports its siblings, agent/model and node's own modules.
// Invariant: at every moment the file or its copy (<file>.last-good) is whole; writing never touches both.

import { copyFileSync, existsSync, readFileSync, statSync } from 'node:fs';
import { FairleadError } from '../../model/errors.js';
import type { DesiredState } from '../../model/service.js';
import { formatState, parseState } from './desired-state.js';
import { linkFileAtomically, writeFileAtomically } from '../write-file.js';

/** What was found at start. `state` undefined: neither file could be used. */
export interface FoundState {
  readonly state: DesiredState | undefined;
  /** The state is the newest that was written; false for the last good copy. */
  readonly current: boolean;
  /** Neither file exists: this instance has never been told anything. */
  readonly fresh: boolean;
  readonly warnings: readonly string[];
}

export class StateFile {
  readonly path: string;
  readonly #copy: string;
  #lastGood: string | undefined;
  /** Names the file as it was when it held that; undefined: it never did. */
  #identity: string | undefined;

  constructor(path: string) {
    this.path = path;
    this.#copy = `${path}.last-good`;
  }

  /** Reads the file, or its copy when the file is torn, unreadable or gone. */
  read(): FoundState {
    const warnings: string[] = [];
    for (const path of [this.path, this.#copy]) {
      if (!existsSync(path)) continue;
      try {
        const current = path === this.path;
        const identity = current ? identityOf(path) : undefined;
        const text = readFileSync(path, 'utf8');
        const state = parseState(text);
        this.#lastGood = text;
        this.#identity = identity;
        if (!current) warnings.push(`the state was taken from ${path}, which may lack the last change`);
        return { state, current, fresh: false, warnings };
      } catch (error) {
        warnings.push(`state file ${path} cannot be used: ${(error as Error).message}`);
      }
    }
    if (existsSync(this.path)) warnings.push(this.#putAside());
    return { state: undefined, current: false, fresh: warnings.length === 0, warnings };
  }

  /** The next write will replace the file: whoever wants to repair it by hand finds it here. */
  #putAside(): string {
    try {
      copyFileSync(this.path, `${this.path}.damaged`);
      return `it was kept as ${this.path}.damaged`;
    } catch (error) {
      return `it could not be kept: ${(error as Error).message}`;
    }
  }

  /** Writes the state; what was good before becomes the copy. Throws FL_E_STATE, and then the file is as it was. */
  write(state: DesiredState): void {
    const text = formatState(state);
    try {
      // The copy first: were the new file lost with the disk's cache, the copy would still be the state before it.
      this.#keepCopy();
      writeFileAtomically(this.path, text, 0o600);
    } catch (error) {
      throw new FairleadError('FL_E_STATE', `state file ${this.path} cannot be written: ${(error as Error).message}`, {
        hint: 'the change was not made; free the disk or choose another file with --state',
        cause: error,
      });
    }
    this.#lastGood = text;
    this.#identity = identityOf(this.path);
  }

  /** What was good becomes the copy: the file itself by a second name, as it may be large, or written anew where somebody has touched it. */
  #keepCopy(): void {
    if (this.#lastGood === undefined) return;
    const isUntouched = this.#identity !== undefined && this.#identity === identityOf(this.path);
    if (!isUntouched || !linkFileAtomically(this.path, this.#copy)) writeFileAtomically(this.#copy, this.#lastGood, 0o600);
  }
}

/** Another text after any write to the file; undefined when there is none. */
function identityOf(path: string): string | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found && `${found.dev} ${found.ino} ${found.size} ${found.mtimeNs}`;
}
