// What the doctor finds: one thing each, with why it matters and the command that mends it.
// Imports nothing.
// Invariant: `command` is a program and its arguments; what is printed, what a person pastes and what --fix runs are the same words.

/** The gravest first. problem: it does not work; warning: it works in part, or not for long; note: good to know. */
export const LEVELS = ['problem', 'warning', 'note', 'ok'] as const;
export type Level = (typeof LEVELS)[number];

export interface Finding {
  readonly level: Level;
  /** The check that it comes from: 'rp-filter', 'mtu'. Stable. */
  readonly check: string;
  /** What was found, one line, lower case, no full stop. */
  readonly text: string;
  /** Why it matters. */
  readonly why?: string;
  /** Mends it; run as root on this machine. */
  readonly command?: readonly string[];
  /** What to do where no single command does, or what to know before running it. */
  readonly advice?: string;
  /** --fix may run the command: it concerns one device or adds something that was missing, and takes nothing from anybody. */
  readonly harmless?: boolean;
}

/** Of one check: what is fine, in a few words. */
export const fine = (check: string, text: string): Finding => ({ level: 'ok', check, text });

/** The gravest first; within a level as the checks came. */
export function sortFindings(findings: readonly Finding[]): readonly Finding[] {
  return LEVELS.flatMap((level) => findings.filter((one) => one.level === level));
}

/** Whether --fix may mend it. */
export const isFixable = ({ level, command, harmless }: Pick<Finding, 'level' | 'command' | 'harmless'>): boolean =>
  level !== 'ok' && command !== undefined && harmless === true;
