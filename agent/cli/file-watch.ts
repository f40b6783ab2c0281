// Tells when a file has another content: written in place, replaced by a rename (as editors do), or reached by a link that was moved (as Kubernetes does).
// Imports node:fs. Looks at the file's status again and again: that sees all of these, on every file system.
// Invariant: it tells once the file has rested for one look, so that a file is not read while it is being written.

import { statSync } from 'node:fs';

/** Milliseconds between two looks. */
const INTERVAL = 500;

/** `changed` is called for each change, never twice at once; `gone` when the file is not there any more. Does not keep the process alive. */
export function watchFile(file: string, changed: () => Promise<void>, gone: () => void, interval = INTERVAL): { close(): void } {
  let told = fingerprintOf(file);
  let seen = told;
  let busy = false;
  const look = async (): Promise<void> => {
    const now = fingerprintOf(file);
    const rests = now === seen;
    seen = now;
    if (!rests || now === told || busy) return;
    told = now;
    if (now === undefined) return gone();
    busy = true;
    await changed().finally(() => {
      busy = false;
    });
  };
  const timer = setInterval(() => void look(), interval).unref();
  return { close: () => clearInterval(timer) };
}

/** Of what the name leads to; undefined: nothing. */
function fingerprintOf(file: string): string | undefined {
  const status = statSync(file, { throwIfNoEntry: false, bigint: true });
  return status === undefined ? undefined : `${status.dev} ${status.ino} ${status.size} ${status.mtimeNs}`;
}
