import assert from 'node:assert/strict';
import { stripVTControlCharacters } from 'node:util';
import type { StepReport } from '../../../agent/control/start/steps.js';
import { makeAnnouncer } from '../../../agent/repl/announce.js';
import { memorySink } from '../support/memory-sink.js';

const REPORTS: readonly StepReport[] = [
  { step: 'interface', phase: 'begin', text: 'eth0', milliseconds: 0 },
  { step: 'interface', phase: 'done', text: 'eth0: index 2, 02:00:00:00:00:01, MTU 1500, 20.1.1.1', milliseconds: 3.4 },
  { step: 'compile', phase: 'begin', text: 'fairlead.c', milliseconds: 0 },
  { step: 'compile', phase: 'done', text: 'fairlead.o', milliseconds: 1312 },
  { step: 'verify', phase: 'begin', text: 'fairlead.o', milliseconds: 0 },
  { step: 'verify', phase: 'failed', text: 'R1 is no pointer', milliseconds: 12 },
];

describe('the start, step by step', () => {
  it('is plain lines without a terminal', () => {
    const sink = memorySink();
    const announcer = makeAnnouncer(sink);
    for (const report of REPORTS) announcer.report(report);
    assert.equal(
      sink.text,
      'interface  eth0: index 2, 02:00:00:00:00:01, MTU 1500, 20.1.1.1 (3 ms)\n' +
        'compile    fairlead.o (1.31 s)\n' +
        'verify     failed (12 ms)\n',
    );
  });

  it('goes on below itself when it is wider than the terminal, and keeps the time whole', () => {
    const text = 'eth0: index 2, 02:00:00:00:00:01, MTU 1500, 20.1.1.1, 2001:db8:ffff::1';
    const step: StepReport = { step: 'interface', phase: 'done', text, milliseconds: 3 };
    const sink = memorySink({ terminal: true, colour: true });
    makeAnnouncer(sink).report(step);
    assert.equal(
      stripVTControlCharacters(sink.text),
      `interface  eth0: index 2, 02:00:00:00:00:01, MTU 1500, 20.1.1.1,\n${' '.repeat(11)}2001:db8:ffff::1 (3 ms)\n`,
    );
    assert.ok(sink.text.endsWith('\x1b[2m(3 ms)\x1b[22m\n'));
    const narrow = memorySink({ terminal: true, columns: 11 + text.length });
    makeAnnouncer(narrow).report(step);
    assert.match(narrow.text, /\n {11}\(3 ms\)\n$/);
    const pipe = memorySink();
    makeAnnouncer(pipe).report(step);
    assert.equal(pipe.text, `interface  ${text} (3 ms)\n`);
  });

  it('spins on a terminal, and leaves one line a step', async () => {
    const sink = memorySink({ terminal: true, colour: true });
    const announcer = makeAnnouncer(sink);
    announcer.report(REPORTS[2] as StepReport);
    await new Promise((resolve) => setTimeout(resolve, 250));
    announcer.report(REPORTS[3] as StepReport);
    assert.ok(sink.text.includes('| fairlead.c') && sink.text.includes('/ fairlead.c'));
    assert.equal(lastOfEachLine(sink.text), '\x1b[32mcompile    \x1b[39mfairlead.o \x1b[2m(1.31 s)\x1b[22m\n');
  });

  it('a start that fails between two reports leaves no spinner', async () => {
    const sink = memorySink({ terminal: true });
    const announcer = makeAnnouncer(sink);
    announcer.report(REPORTS[2] as StepReport);
    announcer.stop();
    const length = sink.text.length;
    await new Promise((resolve) => setTimeout(resolve, 150));
    assert.equal(sink.text.length, length);
    assert.equal(lastOfEachLine(sink.text), '');
  });
});

/** What a terminal shows in the end: after each erased line only what follows. */
function lastOfEachLine(text: string): string {
  return text
    .split('\n')
    .map((line) => line.split('\r\x1b[K').at(-1))
    .join('\n');
}
