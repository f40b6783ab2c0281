// An error as people read it: what failed, what to do, and its code.
// Imports agent/model and its siblings.
// Invariant: no stack trace for a FairleadError; for a defect only when asked for.

import { EXIT, type ExitStatus, FairleadError } from '../model/errors.js';
import { paint, type Sink } from './sink.js';
import { wrapText } from './table.js';

/** 'error: <message> (FL_E_...)' and, indented, the hint. A defect: 'internal error: ...', with its stack when `debug`. */
export function formatError(error: unknown, sink: Sink, debug: boolean): string {
  if (error instanceof FairleadError) {
    // A terminal gets whole words; a pipe gets whole lines.
    const fold = (text: string, indent: string) =>
      sink.terminal ? wrapText(text, sink.columns - indent.length).join(`\n${indent}`) : text;
    const hint = error.hint === undefined ? '' : `  ${fold(error.hint, '  ')}\n`;
    const [label = '', ...rest] = fold(`error: ${error.message} (${error.code})`, '       ').split(/(?<=^error:)/);
    return `${paint(sink, 'red', label)}${rest.join('')}\n${hint}`;
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
