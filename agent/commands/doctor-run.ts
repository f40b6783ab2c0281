// What `doctor` and `doctor backend` share: look, show, mend what may be mended, look again.
// Imports agent/doctor, agent/model and its siblings.
// Invariant: without --fix nothing is changed; with it only what a finding calls harmless, and each after a yes.

import { commandText } from '../doctor/commands.js';
import type { Examination, Examiner } from '../doctor/examiner.js';
import { isFixable } from '../doctor/finding.js';
import { FairleadError } from '../model/errors.js';
import { parseDeviceList } from '../model/parse.js';
import { examinationText, summaryText } from './doctor-text.js';
import { OUTPUT } from './flags.js';
import { formatError } from './format-error.js';
import { type Answer, type Format, FORMATS } from './formats.js';
import { AnsweredNo, type CommandContext, optional } from './verb.js';

export const DOCTOR_FLAGS = {
  device: optional({
    name: 'device',
    placeholder: 'IF[,IF...]',
    text: 'devices to look at',
    parse: parseDeviceList,
    fallbackText: 'those that the agent serves, else those with its program, else all that are up',
  }),
  fix: optional({
    name: 'fix',
    placeholder: '',
    text: 'run the commands that are marked so, after asking for each; then look again',
    parse: () => true,
    bare: true,
  }),
  yes: optional({ name: 'yes', placeholder: '', text: 'with --fix: do not ask', parse: () => true, bare: true }),
  output: OUTPUT,
};

export interface DoctorFlags {
  readonly fix: boolean | undefined;
  readonly yes: boolean | undefined;
  readonly output: Format;
}

/** A command that was run, or was to be. */
interface Mending {
  readonly command: string;
  readonly outcome: 'done' | 'failed' | 'declined';
  /** Why it failed. */
  readonly error: string | undefined;
}

/** Throws AnsweredNo when there is a problem (left). */
export async function runDoctor(
  context: CommandContext,
  { fix, yes, output }: DoctorFlags,
  examine: (examiner: Examiner) => Promise<Examination>,
): Promise<void> {
  const ask = yes ? async () => true : context.ask;
  if (fix && ask === undefined) {
    throw new FairleadError('FL_E_USAGE', 'doctor: --fix asks before it changes anything, and there is no terminal to ask at', {
      hint: 'add --yes, after a look without --fix',
    });
  }
  if (context.doctor === undefined) throw new FairleadError('FL_E_UNSUPPORTED', 'doctor: this session cannot look at its machine');
  const examiner = await context.doctor();
  const first = await examine(examiner);
  const asText = output === FORMATS.table;
  if (asText) await output.answer(context.out, answerOf(first, []));
  const mendings = fix && ask !== undefined ? await mendAll(context, examiner, first, ask) : [];
  const last = mendings.some(({ outcome }) => outcome === 'done') ? await examine(examiner) : first;
  if (!asText) await output.answer(context.out, answerOf(last, mendings));
  else if (last !== first) await context.out.write(`looked again: ${summaryText(last.findings)}`);
  if (last.findings.some(({ level }) => level === 'problem')) throw new AnsweredNo();
}

async function mendAll(
  { err, signal }: CommandContext,
  examiner: Examiner,
  { findings, shell }: Examination,
  ask: NonNullable<CommandContext['ask']>,
): Promise<readonly Mending[]> {
  const done: Mending[] = [];
  for (const { text, command = [] } of findings.filter(isFixable)) {
    if (signal.aborted) break;
    const shown = commandText(command, shell);
    if (!(await ask(`${text}\n  ${shown}\nrun it?`))) {
      done.push({ command: shown, outcome: 'declined', error: undefined });
      continue;
    }
    try {
      await examiner.mend(command);
      done.push({ command: shown, outcome: 'done', error: undefined });
      await err.write(`done: ${shown}\n`);
    } catch (error) {
      if (!(error instanceof FairleadError)) throw error;
      done.push({ command: shown, outcome: 'failed', error: error.message });
      await err.write(formatError(error, err, false));
    }
  }
  return done;
}

function answerOf(examination: Examination, mendings: readonly Mending[]): Answer {
  const { devices, chosenBy, findings } = examination;
  const value = {
    devices,
    chosenBy,
    findings: findings.map((one) => ({
      level: one.level,
      check: one.check,
      text: one.text,
      why: one.why,
      command: one.command,
      advice: one.advice,
      fixable: isFixable(one),
    })),
    mendings,
  };
  return { name: 'doctor', value, toText: (width) => examinationText(examination, width) };
}
