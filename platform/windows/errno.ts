// errno of Windows' C library to FairleadError: what the number means, and what the person can do.
// May import agent/model/errors.
// Invariant: what only an administrator may becomes FL_E_PERMISSION, with the hint to be one.

import { type ErrorCode, FairleadError } from '../../agent/model/errors.js';

/** The numbers that the adapter decides by (errno.h of the Universal C Runtime; beyond 34 they are not Linux'). */
export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  ENOMEM: 12,
  EACCES: 13,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  ENOSPC: 28,
  ENOBUFS: 119,
  ENOTSUP: 129,
  EOTHER: 131,
} as const;

const TEXTS: Readonly<Record<number, string>> = {
  1: 'operation not permitted (EPERM)',
  2: 'no such object (ENOENT)',
  9: 'bad descriptor (EBADF)',
  12: 'out of memory (ENOMEM)',
  13: 'permission denied (EACCES)',
  14: 'bad address (EFAULT)',
  16: 'in use (EBUSY)',
  17: 'there already (EEXIST)',
  19: 'no such device (ENODEV)',
  22: 'invalid argument (EINVAL)',
  24: 'too many open files (EMFILE)',
  28: 'no space left (ENOSPC)',
  34: 'result too large (ERANGE)',
  119: 'no buffer space (ENOBUFS)',
  129: 'operation not supported (ENOTSUP)',
  131: 'another error of eBPF for Windows (EOTHER)',
};

/** 'invalid argument (EINVAL)'. Takes errno, positive or negative. */
export function describeErrno(errno: number): string {
  const number = Math.abs(errno);
  return TEXTS[number] ?? `error ${number}`;
}

/** The error of a call: `what` failed with `errno` (positive or negative). */
export function systemError(code: ErrorCode, what: string, errno: number, hint?: string): FairleadError {
  const number = Math.abs(errno);
  const permission = number === ERRNO.EPERM || number === ERRNO.EACCES;
  const advice = permission ? 'start it from a terminal that was opened by "Run as administrator"' : hint;
  return new FairleadError(permission ? 'FL_E_PERMISSION' : code, `${what}: ${describeErrno(number)}`, {
    errno: number,
    ...(advice === undefined ? {} : { hint: advice }),
  });
}
