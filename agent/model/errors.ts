// Every error that Fairlead reports on purpose: one class, one stable code each, one table.
// Imports nothing. docs/errors.md lists the same codes; a test compares them.
// Invariant: a message says what failed and the value given; `hint` says what to do.

/** Exit statuses of the command line (design.md §4). */
export const EXIT = { done: 0, failed: 1, usage: 2, unsupported: 3, permission: 4 } as const;
export type ExitStatus = (typeof EXIT)[keyof typeof EXIT];

/** Code of an error, and the exit status that it leads to. */
export const ERROR_CODES = {
  FL_E_USAGE: EXIT.usage, // an unknown word, a missing or surplus flag
  FL_E_VALUE: EXIT.usage, // a value that cannot be read: address, port, id, prime, ...
  FL_E_CONFLICT: EXIT.failed, // contradicts what runs: duplicate frontend, a VIP that is a backend
  FL_E_NOT_FOUND: EXIT.failed, // unknown service, backend, interface
  FL_E_LIMIT: EXIT.failed, // a table is full
  FL_E_LOCKED: EXIT.failed, // another agent holds the instance
  FL_E_NO_AGENT: EXIT.failed, // no agent answers at the API's socket
  FL_E_FOREIGN_PROGRAM: EXIT.failed, // somebody else's XDP program is on the device
  FL_E_COMPILE: EXIT.failed, // clang refused the program
  FL_E_VERIFY: EXIT.failed, // the kernel's verifier refused the program
  FL_E_LOAD: EXIT.failed, // an object, map or pin could not be opened or made
  FL_E_ATTACH: EXIT.failed, // the program could not be attached
  FL_E_MAP: EXIT.failed, // a map operation failed
  FL_E_STATE: EXIT.failed, // the state file cannot be read or written
  FL_E_CONFIG: EXIT.failed, // a configuration file is wrong
  FL_E_UNFINISHED: EXIT.failed, // what was waited for had not come when the wait ended
  FL_E_SYSTEM: EXIT.failed, // any other system call
  FL_E_UNSUPPORTED: EXIT.unsupported, // this machine or kernel cannot do it
  FL_E_MISSING: EXIT.unsupported, // a program or library that is not installed
  FL_E_PERMISSION: EXIT.permission,
} as const satisfies Record<string, ExitStatus>;
export type ErrorCode = keyof typeof ERROR_CODES;

/** An error that Fairlead reports on purpose. Anything else that is thrown is a defect. */
export class FairleadError extends Error {
  readonly code: ErrorCode;
  /** What the person can do about it, one line. */
  readonly hint: string | undefined;
  /** errno of the system call behind it (positive, of this platform), if there was one. */
  readonly errno: number | undefined;

  constructor(code: ErrorCode, message: string, more: { hint?: string; errno?: number; cause?: unknown } = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'FairleadError';
    this.code = code;
    this.hint = more.hint;
    this.errno = more.errno;
  }

  /** Exit status that a command ending with this error has. */
  get exitStatus(): ExitStatus {
    return ERROR_CODES[this.code];
  }
}
