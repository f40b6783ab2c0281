// A seeded fault as data: one change in one file, and the tests that have to notice it.
// Imports nothing. A fault breaks the behaviour, never the build: what does not compile proves nothing about the tests.
// Invariant: a fault whose text is not in its file exactly once is stale and is never run.

/** One mocha run: a test file, or those of its tests whose full title contains `only`. */
export interface TestRun {
  readonly file: string;
  readonly only?: string;
}

export interface Mutant {
  /** kebab-case, at most 30 characters. */
  readonly name: string;
  /** From the root of the tree, with '/'. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** One sentence: what goes wrong for whom. */
  readonly breaks: string;
  /** Cheapest first; the first that fails ends the search. */
  readonly tests: readonly TestRun[];
}

/** The file's text with the fault in it; undefined when `find` is not there exactly once. */
export function mutate(text: string, { find, replace }: Pick<Mutant, 'find' | 'replace'>): string | undefined {
  const at = text.indexOf(find);
  if (at < 0 || text.indexOf(find, at + 1) >= 0) return undefined;
  return text.slice(0, at) + replace + text.slice(at + find.length);
}

/** What is wrong with the list itself, one line each: names used twice, stale faults. `read` gives a file's text, undefined when it is gone. */
export function findStale(mutants: readonly Mutant[], read: (file: string) => string | undefined): string[] {
  const names = new Set<string>();
  const problems: string[] = [];
  for (const mutant of mutants) {
    const { name, file, find, replace, tests } = mutant;
    if (names.has(name)) problems.push(`${name}: two faults have this name`);
    names.add(name);
    const text = read(file);
    if (text === undefined) problems.push(`${name}: ${file} does not exist`);
    else if (mutate(text, mutant) === undefined) problems.push(`${name}: its text is not in ${file} exactly once`);
    if (find === replace) problems.push(`${name}: changes nothing`);
    if (tests.length === 0) problems.push(`${name}: names no test`);
    for (const test of tests) if (read(test.file) === undefined) problems.push(`${name}: ${test.file} does not exist`);
  }
  return problems;
}

/** Names a run in messages and tells runs apart. */
export function nameRun({ file, only }: TestRun): string {
  return only === undefined ? file : `${file} (${only})`;
}
