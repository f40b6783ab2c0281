// A private copy of the source tree, in which faults are put and taken out again.
// Imports node's own modules and mutant.ts.
// Invariant: the tree that is copied is only read; all that a copy and the tests in it make lies in one temporary folder.

import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Mutant, mutate } from './mutant.js';

/** Top entries that are no source: what is built or installed, and hidden ones. */
const LEFT_OUT = /^(\.|node_modules$|dist$|build$)/;

export class Tree {
  readonly root: string;
  /** For the temporary files of the tests, which would outlive a test that is killed. */
  readonly temporary: string;
  readonly #folder: string;

  /** Copies the tree at `source`; its node_modules are linked. */
  constructor(source: string) {
    this.#folder = mkdtempSync(join(tmpdir(), 'fairlead-mutants-'));
    this.root = join(this.#folder, 'tree');
    this.temporary = join(this.#folder, 'tmp');
    mkdirSync(this.root);
    mkdirSync(this.temporary);
    for (const name of readdirSync(source)) {
      if (!LEFT_OUT.test(name)) cpSync(join(source, name), join(this.root, name), { recursive: true });
    }
    symlinkSync(join(source, 'node_modules'), join(this.root, 'node_modules'));
  }

  /** A file's text; undefined when there is no such file. */
  read(file: string): string | undefined {
    const path = join(this.root, file);
    return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  }

  /** Runs `action` with the fault in the tree. Throws when the fault is stale. */
  async withMutant<Result>(mutant: Mutant, action: () => Promise<Result>): Promise<Result> {
    const sound = this.read(mutant.file);
    const broken = sound === undefined ? undefined : mutate(sound, mutant);
    if (sound === undefined || broken === undefined) throw new Error(`${mutant.name} is stale`);
    const path = join(this.root, mutant.file);
    writeFileSync(path, broken);
    try {
      return await action();
    } finally {
      writeFileSync(path, sound);
    }
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 3 });
  }
}
