// A session: commands come in, answers go out, until the person leaves, the input ends, or somebody stops it.
// Imports its siblings.
// Invariant: ending a session leaves the data plane alone.

import type { SessionEnd, SessionOptions } from './line-runner.js';
import { runLines } from './lines.js';
import { runPrompt } from './prompt.js';

/** Prompt when both ends are terminals, else plain lines. Resolves at the end; never rejects for what a command does. */
export function runSession(options: SessionOptions): Promise<SessionEnd> {
  return options.input.isTTY && options.out.terminal ? runPrompt(options) : runLines(options);
}
