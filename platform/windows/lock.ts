// The lock file of an instance: open for writing here, so that nobody else can open it so. The system closes it when the process ends, however it ends.
// May import node:fs, node:path, platform/port, agent/model/errors and its siblings.
// Invariant: the file's content (a pid) is information for people; that it is open decides.

import { mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { FairleadError } from '../../agent/model/errors.js';
import type { Lock } from '../port.js';
import { loadKernel32 } from './kernel32.js';

const GENERIC_READ_WRITE = 0xc000_0000;
const FILE_SHARE_READ = 1;
const OPEN_ALWAYS = 4;
const ERROR_SHARING_VIOLATION = 32;
const INVALID = -1n;

/** Throws FL_E_SYSTEM when the file cannot be made. */
export function takeLock(path: string): Lock {
  const api = loadKernel32();
  mkdirSync(dirname(path), { recursive: true });
  const handle = BigInt(api.CreateFileW(path, GENERIC_READ_WRITE, FILE_SHARE_READ, null, OPEN_ALWAYS, 0, null));
  if (handle === INVALID) {
    const error = api.GetLastError();
    // koffi makes calls of its own between the two: a number that says nothing is taken for what it nearly always is.
    if (error !== ERROR_SHARING_VIOLATION && error !== 0) throw new FairleadError('FL_E_SYSTEM', `cannot lock ${path}: error ${error}`);
    const pid = Number.parseInt(readPid(path), 10);
    return { held: false, pid: pid > 0 ? pid : undefined };
  }
  const text = Buffer.from(`${process.pid}\n`);
  api.SetEndOfFile(handle);
  api.WriteFile(handle, text, text.length, Buffer.alloc(4), null);
  let held = true;
  return {
    held: true,
    release: () => {
      if (held) api.CloseHandle(handle);
      held = false;
    },
  };
}

function readPid(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
