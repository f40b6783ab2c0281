// What the agent tells while it starts, step by step; agent/repl and agent/cli print it.
// Imports nothing.

export const START_STEPS = ['interface', 'compile', 'verify', 'attach', 'adopt'] as const;
export type StartStep = (typeof START_STEPS)[number];

export interface StepReport {
  readonly step: StartStep;
  /** A step begins once and ends once, as done or failed. */
  readonly phase: 'begin' | 'done' | 'failed';
  /** What is being done, or what came of it: "eth0, index 2, 02:00:..., MTU 1500, 20.1.1.1". */
  readonly text: string;
  /** Time since the step began; 0 for 'begin'. */
  readonly milliseconds: number;
}

export type ReportStep = (report: StepReport) => void;
