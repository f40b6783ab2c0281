// YAML text as a value, with the place of everything in it.
// Imports yaml, late, and agent/model.
// Invariant: a hostile text (aliases of aliases, a key twice, megabytes) is refused before it becomes a value.

import type { Document, LineCounter, Node } from 'yaml';
import { FairleadError } from '../model/errors.js';
import { showValue } from '../model/parse-value.js';
import { loadYaml } from './late-packages.js';

/** Ten thousand services of ten backends are some ten megabytes. */
const MOST_BYTES = 64 << 20;
/** Aliases that may stand in a file; they multiply what they name. */
const MOST_ALIASES = 1000;

export type Path = readonly (string | number)[];

export class PlacedText {
  readonly value: unknown;
  readonly #file: string;
  readonly #document: Document;
  readonly #lines: LineCounter;

  /** Throws FL_E_CONFIG for text that is no YAML. */
  constructor(text: string, file: string) {
    this.#file = file;
    const { LineCounter: Counter, parseDocument } = loadYaml();
    this.#lines = new Counter();
    if (Buffer.byteLength(text) > MOST_BYTES) throw new FairleadError('FL_E_CONFIG', `${file}: larger than ${MOST_BYTES >> 20} MiB`);
    this.#document = parseDocument(text, { lineCounter: this.#lines, uniqueKeys: true, prettyErrors: false });
    const [problem] = this.#document.errors;
    if (problem !== undefined) throw this.#error(problem.pos[0], problem.message);
    try {
      this.value = this.#document.toJS({ maxAliasCount: MOST_ALIASES });
    } catch (error) {
      throw new FairleadError('FL_E_CONFIG', `${file}: ${(error as Error).message}`, { hint: 'write out what the aliases stand for' });
    }
  }

  /** FL_E_CONFIG: '<file>:<line>:<column>: <path>: <problem>'. Of a key that is not there, the place of what should have it. */
  errorAt(path: Path, problem: string, hint?: string): FairleadError {
    const where = path.length === 0 ? '' : `${formatPath(path)}: `;
    return this.#error(this.#offsetOf(path), `${where}${problem}`, hint);
  }

  /** The same at the key itself, for one that is not known. */
  errorAtKey(path: Path, key: string, problem: string, hint?: string): FairleadError {
    const node = this.#nodeAt(path);
    const { isMap, isPair } = loadYaml();
    const pair = isMap(node)
      ? node.items.find((item) => isPair(item) && String((item.key as { value?: unknown }).value) === key)
      : undefined;
    const offset = (pair?.key as Node | undefined)?.range?.[0] ?? this.#offsetOf(path);
    return this.#error(offset, `${formatPath([...path, key])}: ${problem}`, hint);
  }

  #offsetOf(path: Path): number {
    for (let length = path.length; length >= 0; length--) {
      const range = this.#nodeAt(path.slice(0, length))?.range;
      if (range) return range[0];
    }
    return 0;
  }

  #nodeAt(path: Path): Node | undefined {
    const found: unknown = path.length === 0 ? this.#document.contents : this.#document.getIn(path, true);
    return loadYaml().isCollection(found) || (typeof found === 'object' && found !== null && 'range' in found)
      ? (found as Node)
      : undefined;
  }

  #error(offset: number, text: string, hint?: string): FairleadError {
    const { line, col } = this.#lines.linePos(offset);
    return new FairleadError(
      'FL_E_CONFIG',
      `${this.#file}:${Math.max(1, line)}:${Math.max(1, col)}: ${text}`,
      hint === undefined ? {} : { hint },
    );
  }
}

/** 'services[2].backends[0].address'. */
export function formatPath(path: Path): string {
  return path
    .map((part, index) =>
      typeof part === 'number' ? `[${part}]` : `${index === 0 ? '' : '.'}${/^[\w-]+$/.test(part) ? part : showValue(part)}`,
    )
    .join('');
}
