// What keeps the set-up from going on, as one line for the person and an exit status for the shell.
// Imports nothing: this must run before any package is installed and before TypeScript is compiled.
// Invariant: the statuses are those of EXIT in agent/model/errors.ts (a test compares them).

export const EXIT = { done: 0, failed: 1, usage: 2, unsupported: 3, permission: 4 };

/** A reason to stop. `message` says what is missing, `hint` how to get it; both without line breaks. */
export class SetupProblem extends Error {
  /**
   * @param {number} exitStatus one of EXIT
   * @param {string} message
   * @param {string} hint
   */
  constructor(exitStatus, message, hint) {
    super(message);
    this.name = 'SetupProblem';
    this.exitStatus = exitStatus;
    this.hint = hint;
  }
}

/**
 * Prints the problem as one line and returns the exit status; anything else that was thrown is a defect and is thrown on.
 * @param {unknown} error
 * @returns {number}
 */
export function reportProblem(error) {
  if (!(error instanceof SetupProblem)) throw error;
  process.stderr.write(`fairlead: ${error.message}; ${error.hint}\n`);
  return error.exitStatus;
}
