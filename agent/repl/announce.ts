// Tells the start's steps as they happen: a line each, on a terminal with a spinner and colour.
// Imports agent/control/steps.ts, the sink and its text layout. Writes to the stream of messages, so that answers stay clean.
// Invariant: what scrolls by is one line a step, with its time, folded to a terminal's width; a spinner leaves nothing behind.

import { paint, type Sink } from '../commands/sink.js';
import { wrapText } from '../commands/table.js';
import type { ReportStep, StepReport } from '../control/start/steps.js';

const LABEL = 11;
const FRAMES = ['|', '/', '-', '\\'];
const FRAME_MS = 100;
/** Carriage return, and ECMA-48 EL: erases the line. */
const CLEAR_LINE = '\r\x1b[K';

export interface Announcer {
  readonly report: ReportStep;
  /** Takes a spinner away, when the start fails between two reports. */
  stop(): void;
}

/** 'interface  eth0: index 2, 02:00:00:00:00:01, MTU 1500, 20.1.1.1 (3 ms)'; on a terminal a longer text goes on below itself. */
export function formatStep(report: StepReport, sink: Pick<Sink, 'colour' | 'columns' | 'terminal'>): string {
  const label = paint(sink, report.phase === 'failed' ? 'red' : 'green', report.step.padEnd(LABEL));
  // Why it failed is the error that ends the start; it is printed once, with its hint.
  const text = report.phase === 'failed' ? 'failed' : report.text;
  // Broken at blanks, but not within the time, which ends the last line.
  const time = `(${formatTime(report.milliseconds)})`;
  const lines = wrapText(`${text} ${time.replace(' ', '\u00a0')}`, sink.terminal ? sink.columns - LABEL : Number.POSITIVE_INFINITY);
  const last = (lines.pop() ?? '').slice(0, -time.length) + paint(sink, 'dim', time);
  return `${label}${[...lines, last].join(`\n${' '.repeat(LABEL)}`)}\n`;
}

function formatTime(milliseconds: number): string {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(2)} s`;
}

export function makeAnnouncer(sink: Sink): Announcer {
  let timer: NodeJS.Timeout | undefined;
  const stop = () => {
    if (timer === undefined) return;
    clearInterval(timer);
    timer = undefined;
    void sink.write(CLEAR_LINE);
  };
  const spin = (report: StepReport) => {
    let frame = 0;
    const draw = () => {
      const line = `${report.step.padEnd(LABEL)}${FRAMES[frame++ % FRAMES.length]} ${report.text}`;
      void sink.write(CLEAR_LINE + line.slice(0, sink.columns - 1));
    };
    draw();
    timer = setInterval(draw, FRAME_MS);
    timer.unref();
  };
  return {
    stop,
    report(report) {
      stop();
      if (report.phase !== 'begin') void sink.write(formatStep(report, sink));
      else if (sink.terminal) spin(report);
    },
  };
}
