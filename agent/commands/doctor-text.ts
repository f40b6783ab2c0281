// What the doctor found, as people read it: the gravest first, each with the command that mends it, a line with the counts at the end.
// Imports agent/doctor's plain data and its siblings.
// Invariant: no line is wider than `width`, but for a single word that is; a command that is folded can be pasted as it stands.

import { commandText, type Shell } from '../doctor/commands.js';
import type { Examination } from '../doctor/examiner.js';
import { type Finding, isFixable, LEVELS, type Level } from '../doctor/finding.js';
import { countNoun } from './numbers.js';
import { wrapText } from './table.js';

const LABEL = 9;

export function examinationText(examination: Examination, width: number): string {
  const { devices, chosenBy, findings, shell = 'sh' } = examination;
  const head = wrapText(`${devices.length === 0 ? 'no device' : devices.join(', ')} (${chosenBy})`, width).map((line) => `${line}\n`);
  // A reason that several findings share is told once.
  const first = new Map(findings.map((one) => [one.why, one] as const).reverse());
  const shown = findings.map((one) => (first.get(one.why) === one ? one : { ...one, why: undefined }));
  const found = shown.filter(({ level }) => level !== 'ok').map((one) => `${findingText(one, width, shell)}\n`);
  const fine = findings.filter(({ level }) => level === 'ok').map((one) => findingText(one, width, shell));
  return [...head, '\n', ...found, ...fine, ...(fine.length > 0 ? ['\n'] : []), summaryText(findings)].join('');
}

type Shown = Omit<Finding, 'why'> & { readonly why?: string | undefined };

/** '1 problem, 2 notes; 12 checks are fine' */
export function summaryText(findings: readonly Finding[]): string {
  const count = (level: Level) => findings.filter((one) => one.level === level).length;
  const amiss = LEVELS.filter((level) => level !== 'ok' && count(level) > 0).map((level) => countNoun(count(level), level));
  const fine = count('ok') === 1 ? '1 check is fine' : `${count('ok')} checks are fine`;
  return `${amiss.join(', ') || 'nothing amiss'}; ${fine}\n`;
}

function findingText(finding: Shown, width: number, shell: Shell): string {
  const { level, text, why, command, advice } = finding;
  const block = (part: string | undefined) => (part === undefined ? [] : wrapText(part, width - LABEL));
  const lines = [
    ...block(text),
    ...block(why),
    ...(command === undefined ? [] : commandLines(finding, command, width, shell)),
    ...block(advice),
  ];
  return lines.map((line, index) => `${(index === 0 ? level : '').padEnd(LABEL)}${line}\n`).join('');
}

function commandLines(finding: Shown, command: readonly string[], width: number, shell: Shell): readonly string[] {
  const folded = wrapText(commandText(command, shell), width - LABEL - ROOM_FOR_FOLD).map(
    (line, index) => `${index === 0 ? '  ' : '      '}${line}`,
  );
  const lines = folded.map((line, index) => (index < folded.length - 1 ? `${line} ${GOES_ON[shell]}` : line));
  if (!isFixable(finding)) return lines;
  const last = `${lines.at(-1)}${FIXABLE}`;
  return last.length <= width - LABEL ? [...lines.slice(0, -1), last] : lines;
}

/** Says that a command goes on in the next line. */
const GOES_ON: Readonly<Record<Shell, string>> = { sh: '\\', powershell: '`' };
/** Of the indent before it, and of the sign behind it. */
const ROOM_FOR_FOLD = 8;
/** A comment to a shell. */
const FIXABLE = '   # --fix runs it';
