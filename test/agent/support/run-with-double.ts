// Runs lines against a fresh double and gives back what a person would have read.
// Imports agent/commands and its siblings.

import { runLine } from '../../../agent/commands/run-line.js';
import type { Agent } from '../../../agent/control/agent.js';
import type { Examiner } from '../../../agent/doctor/examiner.js';
import type { ExitStatus } from '../../../agent/model/errors.js';
import { AgentDouble } from './agent-double.js';
import { ExaminerDouble } from './examiner-double.js';
import { memorySink } from './memory-sink.js';

export interface Answer {
  readonly out: string;
  readonly err: string;
  readonly status: ExitStatus;
  readonly left: string | undefined;
}

export async function answer(
  line: string,
  options: {
    agent?: Agent;
    columns?: number;
    terminal?: boolean;
    signal?: AbortSignal;
    examiner?: Examiner;
    ask?: (question: string) => Promise<boolean>;
  } = {},
): Promise<Answer> {
  const { agent = new AgentDouble(), signal = new AbortController().signal, examiner = new ExaminerDouble(), ask, ...how } = options;
  const [out, err] = [memorySink(how), memorySink(how)];
  let left: string | undefined;
  const leave = (why: string) => {
    left = why;
  };
  const status = await runLine(line, { agent, out, err, signal, leave, doctor: async () => examiner, ask });
  return { out: out.text, err: err.text, status, left };
}
