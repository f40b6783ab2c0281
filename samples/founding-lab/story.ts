// Prints the demo as a story: headings, commands as typed, their answers, and claims with their outcome.
// Imports nothing; writes to the stream that it is given.
// Invariant: own lines fit 80 columns; colour only when asked for; a claim that does not hold is remembered.

export interface Story {
  /** A numbered step. */
  step(title: string): void;
  /** Plain text, one paragraph, wrapped. */
  say(text: string): void;
  /** A command as a person types it. `where`: 'client$', 'lb#', 'fairlead>'. */
  command(where: string, text: string): void;
  /** What came back; `most` lines of it, the rest counted. */
  answer(text: string, most?: number): void;
  /** Something that the demo shows; false makes the demo fail. */
  claim(text: string, holds: boolean): void;
  /** Claims that did not hold. */
  readonly failures: readonly string[];
}

const WIDTH = 80;
const SGR = { bold: '1', dim: '2', green: '32', red: '31', cyan: '36' } as const;

/** Breaks text at spaces so that no line is longer than the width, each with the indent. */
export function wrapText(text: string, indent: string, width = WIDTH): string {
  const lines: string[] = [];
  let line = indent;
  for (const word of text.split(/\s+/)) {
    if (line.length > indent.length && line.length + 1 + word.length > width) {
      lines.push(line);
      line = indent;
    }
    line += (line.length > indent.length ? ' ' : '') + word;
  }
  return [...lines, line].join('\n');
}

/** Begins a story. */
export function beginStory(write: (text: string) => unknown, colour: boolean): Story {
  const paint = (kind: keyof typeof SGR, text: string) => (colour ? `\u001b[${SGR[kind]}m${text}\u001b[0m` : text);
  const failures: string[] = [];
  let steps = 0;
  return {
    failures,
    step(title) {
      steps += 1;
      write(`\n${paint('bold', `${steps}. ${title}`)}\n`);
    },
    say(text) {
      write(`${wrapText(text, '   ')}\n`);
    },
    command(where, text) {
      const [first = '', ...rest] = wrapText(text, '', WIDTH - where.length - 6).split('\n');
      const lines = [first, ...rest.map((line) => `${' '.repeat(where.length + 6)}${line}`)];
      write(`   ${paint('dim', where)} ${paint('cyan', lines.join(' \\\n'))}\n`);
    },
    answer(text, most = 24) {
      const lines = text.replace(/\s+$/, '').split('\n');
      for (const line of lines.slice(0, most)) write(`${line}\n`);
      if (lines.length > most) write(paint('dim', `... and ${lines.length - most} lines more\n`));
    },
    claim(text, holds) {
      if (!holds) failures.push(text);
      const [first = '', ...rest] = wrapText(text, '', WIDTH - 12).split('\n');
      const mark = holds ? paint('green', 'shown  ') : paint('red', 'NOT SO ');
      write(`   ${mark}  ${[first, ...rest].join(`\n${' '.repeat(12)}`)}\n`);
    },
  };
}
