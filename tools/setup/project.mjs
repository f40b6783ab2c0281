// The project's own part of the set-up: npm packages, and in dist/ what runs: the program, and what the lab starts beside it.
// Imports Node and its siblings only.
// Invariant: dist/ is replaced as a whole, so a running agent never loads a mixture of two builds, and no deleted source lives on in it.

import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EXIT, SetupProblem } from './problem.mjs';
import { run } from './run.mjs';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const STAMP = join(ROOT, 'dist/.built');
const BINARY = join(ROOT, 'dist/program/main.js');
const PAGE = 'agent/api/page';
const CONFIG = fileURLToPath(new URL('rollup.config.mjs', import.meta.url));

/**
 * Whether node_modules holds what package-lock.json asks for. A newer date alone (a fresh checkout, a merge) is no reason to
 * install again, so then the versions are compared.
 * @param {string} root
 */
export function packagesCurrent(root) {
  const wanted = join(root, 'package-lock.json');
  const installed = join(root, 'node_modules/.package-lock.json');
  if (!existsSync(installed)) return false;
  if (statSync(installed).mtimeMs >= statSync(wanted).mtimeMs) return true;
  const have = JSON.parse(readFileSync(installed, 'utf8')).packages;
  const want = Object.entries(JSON.parse(readFileSync(wanted, 'utf8')).packages).filter(([path]) => path !== '');
  return want.every(([path, entry]) =>
    have[path] ? have[path].version === entry.version : entry.optional === true || entry.peer === true,
  );
}

/** Runs `npm ci` when it is needed. */
export function installNpmPackages() {
  if (packagesCurrent(ROOT)) return false;
  run(['npm', 'ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: ROOT, hint: 'is the npm registry reachable from here?' });
  return true;
}

/**
 * Newest modification (ms since 1970) of files and folders below the paths; a folder's own date tells of deleted files.
 * @param {string[]} paths
 */
export function newestChange(paths) {
  let newest = 0;
  for (const path of paths) {
    const status = statSync(path, { throwIfNoEntry: false });
    if (status === undefined) continue;
    newest = Math.max(newest, status.mtimeMs);
    if (status.isDirectory()) newest = Math.max(newest, newestChange(readdirSync(path).map((name) => join(path, name))));
  }
  return newest;
}

function sources() {
  return ['agent', 'platform', 'samples/founding-lab', 'tsconfig.json', 'tsconfig.build.json'].map((name) => join(ROOT, name));
}

/** Whether dist/ is at least as new as every source. */
export function buildCurrent() {
  const stamp = statSync(STAMP, { throwIfNoEntry: false });
  return stamp !== undefined && existsSync(BINARY) && stamp.mtimeMs >= newestChange(sources());
}

/** The page's files are served as they are. */
function copyPage(from, to) {
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from)) if (!name.endsWith('.json')) copyFileSync(join(from, name), join(to, name));
}

/**
 * Puts the program into program/ of a folder of compiled modules.
 * @param {string} folder
 */
function bundle(folder) {
  const program = join(folder, 'program');
  run([join(ROOT, 'node_modules/.bin/rollup'), '--silent', '-c', CONFIG, `--configFrom=${folder}`], {
    cwd: ROOT,
    hint: 'see `npm run build`',
  });
  writeFileSync(join(program, 'package.json'), '{ "type": "commonjs" }\n');
  copyPage(join(ROOT, PAGE), join(program, 'page'));
  chmodSync(join(program, 'main.js'), 0o755);
}

/** Compiles agent/ and platform/ to dist/ and puts the result in place in one step. */
export function build() {
  const began = new Date();
  const fresh = join(ROOT, `build/dist-${process.pid}`);
  const old = join(ROOT, `build/old-${process.pid}`);
  mkdirSync(dirname(fresh), { recursive: true });
  try {
    const tsc = join(ROOT, 'node_modules/.bin/tsc');
    const { status, stdout } = run([tsc, '-p', 'tsconfig.build.json', '--outDir', fresh], { cwd: ROOT, check: false });
    if (status !== 0) {
      const errors = stdout.split('\n').filter((line) => line.includes('error TS'));
      throw new SetupProblem(
        EXIT.failed,
        `the agent does not compile (${errors.length} errors): ${errors[0] ?? stdout.trim()}`,
        'see `npm run typecheck`',
      );
    }
    bundle(fresh);
    writeFileSync(join(fresh, '.built'), '');
    // The date of the beginning: a source that was saved while the compiler ran is newer.
    utimesSync(join(fresh, '.built'), began, began);
    if (existsSync(dirname(STAMP))) renameSync(dirname(STAMP), old);
    renameSync(fresh, dirname(STAMP));
  } finally {
    rmSync(fresh, { recursive: true, force: true });
    rmSync(old, { recursive: true, force: true });
  }
}
