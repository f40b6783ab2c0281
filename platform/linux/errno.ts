// errno to FairleadError: what the number means, and what the person can do.
// May import node:util and agent/model/errors.
// Invariant: EPERM and EACCES always become FL_E_PERMISSION, with the hint to run as root.

import { getSystemErrorMap } from 'node:util';
import { type ErrorCode, FairleadError } from '../../agent/model/errors.js';

/** The numbers that the adapter decides by (asm-generic/errno.h; the same on x86-64 and arm64). */
export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  E2BIG: 7,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  ENOSPC: 28,
  ERANGE: 34,
  EOPNOTSUPP: 95,
  EAFNOSUPPORT: 97,
  ENETUNREACH: 101,
  ENETDOWN: 100,
  ENOBUFS: 105,
  EHOSTUNREACH: 113,
  ENOTSUPP: 524, // kernel internal, yet returned by bpf(2)
} as const;

const HINTS: Readonly<Record<number, string>> = {
  [ERRNO.EPERM]: 'run as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON',
  [ERRNO.EACCES]: 'run as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON',
  [ERRNO.ENOMEM]: 'free memory, raise the memory limit of the cgroup, or choose smaller maps',
};

/** libbpf's own errors, e.g. for a file that is no ELF object (libbpf.h, enum libbpf_errno). */
const LIBBPF_ERRNO_START = 4000;

/** 'Operation not permitted (EPERM)'. Takes errno, positive or negative. */
export function describeErrno(errno: number): string {
  const number = Math.abs(errno);
  if (number === ERRNO.ENOTSUPP) return 'operation not supported (ENOTSUPP)';
  if (number >= LIBBPF_ERRNO_START) return `libbpf error ${number}`;
  const [name, text] = getSystemErrorMap().get(-number) ?? [`errno ${number}`, 'unknown error'];
  return `${text} (${name})`;
}

/** The error of a system call: `what` failed with `errno` (positive or negative); `hint` overrides the one known for the number. */
export function systemError(code: ErrorCode, what: string, errno: number, hint?: string): FairleadError {
  const number = Math.abs(errno);
  const permission = number === ERRNO.EPERM || number === ERRNO.EACCES;
  const advice = permission ? HINTS[number] : (hint ?? HINTS[number]);
  return new FairleadError(permission ? 'FL_E_PERMISSION' : code, `${what}: ${describeErrno(number)}`, {
    errno: number,
    ...(advice === undefined ? {} : { hint: advice }),
  });
}
