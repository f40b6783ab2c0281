// Which folder may import which: docs/architecture.md as a table, and the search for imports that break it.
// Imports node:path alone; works on texts, so a test can feed it made-up files.
// Invariant: a file that no rule covers is itself a violation, so a new folder cannot escape the check.

import { posix } from 'node:path';

export interface SourceFile {
  /** Relative to the repository, with '/'. */
  readonly path: string;
  readonly text: string;
}

/** Folder (or file) -> what its files may import beside their own folder. The first rule whose name fits the file holds. */
const RULES: readonly (readonly [string, readonly string[]])[] = [
  ['agent/model', []],
  ['platform/port.ts', ['agent/model']],
  // What the adapters of real kernels have in common.
  ['platform/shared', ['platform/port.ts', 'agent/model/errors.ts']],
  ['platform/linux', ['platform/port.ts', 'platform/shared', 'agent/model/errors.ts']],
  ['platform/windows', ['platform/port.ts', 'platform/shared', 'agent/model/errors.ts']],
  ['platform/fake', ['platform/port.ts', 'agent/model/errors.ts']],
  ['agent/datapath', ['platform/port.ts', 'agent/model']],
  ['agent/health', ['agent/model']],
  ['agent/control', ['agent/datapath', 'agent/health', 'platform/port.ts', 'agent/model']],
  // The doctor looks at a machine whether an agent runs there or not.
  ['agent/doctor', ['agent/control', 'platform/port.ts', 'agent/model']],
  // Commands see the agent through its interface and the plain data, never the data path.
  ['agent/commands', ['agent/config', 'agent/control', 'agent/doctor', 'agent/model']],
  ['agent/config', ['agent/control', 'agent/model']],
  ['agent/api', ['agent/control', 'agent/model']],
  ['agent/cli', ['agent/commands', 'agent/control', 'agent/model']],
  ['agent/repl', ['agent/commands', 'agent/control', 'agent/doctor', 'agent/model']],
  ['agent/main.ts', ['agent', 'platform']],
  ['backends', []],
  // Labs drive the product from outside, as a person does; they share its errors.
  ['samples', ['agent/model']],
  ['tools', ['samples', 'agent', 'platform']],
  ['bench', ['samples', 'agent', 'platform', 'test']],
  ['test', ['agent', 'platform', 'samples', 'bench', 'tools', 'backends']],
];

function isIn(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

/** Strings, templates and comments, whichever begins first. */
const PIECES = /'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`|\/\/.*|\/\*[\s\S]*?\*\//g;

/** Static imports, re-exports and import() of a file; not what only looks like one in a comment or in a made-up file's text. */
export function importedNames(text: string): string[] {
  const code = text.replace(PIECES, (piece) => (piece.startsWith("'") ? piece : ''));
  const statements = /^\s*(?:import|export)\b[^'";]*?\bfrom\s*'([^']+)'|^\s*import\s*'([^']+)'|\bimport\(\s*'([^']+)'/gm;
  return [...code.matchAll(statements)].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
}

/** One line for each import that breaks a rule: 'file: what is wrong'. */
export function findViolations(files: readonly SourceFile[]): string[] {
  const known = new Set(files.map((file) => file.path));
  return files.flatMap(({ path, text }) => {
    const rule = RULES.find(([folder]) => isIn(path, folder));
    if (rule === undefined) return [`${path}: no rule in tools/import-rules.ts covers this file`];
    const [own, allowed] = rule;
    return importedNames(text)
      .filter((name) => name.startsWith('.'))
      .map((name) => posix.normalize(posix.join(posix.dirname(path), name)).replace(/\.js$/, '.ts'))
      .flatMap((target) => {
        if (target.endsWith('.ts') && !known.has(target)) return [`${path}: imports ${target}, which does not exist`];
        if (isIn(target, own) || allowed.some((folder) => isIn(target, folder))) return [];
        return [`${path}: imports ${target}; ${own} may import ${[...allowed].join(', ') || 'nothing outside itself'}`];
      });
  });
}
