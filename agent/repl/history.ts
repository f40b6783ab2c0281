// Where the lines of earlier sessions stand: a file of this person alone.
// Imports node's file and path modules. The environment is an argument.
// Invariant: no history is no failure; the prompt works without.

import { chmodSync, closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { dirname, join, win32 } from 'node:path';

/** Path of the history by the XDG base directory specification, on Windows in the person's local folder; undefined without either. */
export function historyPath(environment: Readonly<Record<string, string | undefined>>): string | undefined {
  const state = environment['XDG_STATE_HOME'];
  // The specification: a relative path is to be ignored.
  if (state?.startsWith('/')) return join(state, 'fairlead', 'history');
  const home = environment['HOME'];
  if (home?.startsWith('/')) return join(home, '.local', 'state', 'fairlead', 'history');
  const local = environment['LOCALAPPDATA'];
  return local && win32.join(local, 'Fairlead', 'history');
}

/** '.local/state/fairlead': a home that is missing is not made. */
const FOLDERS_MADE = 3;

/** Makes the file with mode 0600 when it is missing. False when it cannot be written. */
export function prepareHistory(path: string): boolean {
  try {
    makeFolder(dirname(path), FOLDERS_MADE);
    closeSync(openSync(path, 'a', 0o600));
    chmodSync(path, 0o600);
    return true;
  } catch {
    return false;
  }
}

/** One at a time: mkdirSync's own `recursive` never returns below /proc (Node 20), and would make a missing home. */
function makeFolder(folder: string, levels: number): void {
  if (levels === 0 || existsSync(folder)) return;
  makeFolder(dirname(folder), levels - 1);
  mkdirSync(folder, { mode: 0o700 });
}
