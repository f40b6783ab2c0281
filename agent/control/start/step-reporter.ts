// Times the start's steps and tells each step's begin and end exactly once.
// Imports its sibling steps.ts alone.
// Invariant: every 'begin' is followed by one 'done' or 'failed' of the same step.

import type { ReportStep, StartStep } from './steps.js';

export class StepReporter {
  readonly #report: ReportStep;

  constructor(report: ReportStep) {
    this.#report = report;
  }

  /**
   * Runs one step. `work` answers its result and the text of the 'done' line.
   * `spent`: milliseconds that the step's work took before it could be told.
   */
  async step<Result>(step: StartStep, text: string, work: () => Promise<readonly [Result, string]>, spent = 0): Promise<Result> {
    const began = performance.now() - spent;
    const since = () => performance.now() - began;
    this.#report({ step, phase: 'begin', text, milliseconds: 0 });
    try {
      const [result, done] = await work();
      this.#report({ step, phase: 'done', text: done, milliseconds: since() });
      return result;
    } catch (error) {
      this.#report({ step, phase: 'failed', text: (error as Error).message, milliseconds: since() });
      throw error;
    }
  }
}
