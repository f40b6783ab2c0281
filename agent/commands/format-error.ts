// An error as people read it: what failed, what to do, and its code.
// Imports agent/model and its siblings.
// Invariant: no stack trace for a FairleadError; for a defect only when asked for.

import { EXIT, type ExitStatus, FairleadError } from '../model/errors.js';
import { paint, type Sink } from './sink.js';

/** 'error: <message> (FL_E_...)' and, indented, the hint. A defect: 'internal error: ...', with its stack when `debug`. */
export function formatError(error: unknown, sink: Pick<Sink, 'colour'>, debug: boolean): string {
  if (error instanceof FairleadError) {
    const hint = error.hint === undefined ? '' : `  ${error.hint}\n`;
    return `${paint(sink, 'red', 'error:')} ${error.message} (${error.code})\n${hint}`;
  }
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const stack =
    debug && error instanceof Error
      ? `${error.stack ?? ''}\n`
      : '  this is a defect of Fairlead; FAIRLEAD_DEBUG=1 shows where it happened\n';
  return `${paint(sink, 'red', 'internal error:')} ${message}\n${stack}`;
}

export function statusOf(error: unknown): ExitStatus {
  return error instanceof FairleadError ? error.exitStatus : EXIT.failed;
}
