// The prompt: node:repl for its line editing, history and completion; the lines themselves are ours.
// Imports node:repl, agent/commands and its siblings.
// Invariant: lines run one after the other, also when they were typed while one ran.
// Ctrl-C cancels the running command and the lines typed after it, or clears the line; it never ends the session.

import { type REPLServer, start } from 'node:repl';
import { VERBS } from '../commands/verbs.js';
import { EXIT } from '../model/errors.js';
import { complete } from './complete.js';
import { prepareHistory } from './history.js';
import { takeKeys } from './keyboard.js';
import { LineRunner, type SessionEnd, type SessionOptions } from './line-runner.js';

export const PROMPT = 'fairlead> ';
const HOW_TO_LEAVE = '`exit` or Ctrl-D leaves and traffic goes on; `unload` takes the data plane away\n';

export async function runPrompt(options: SessionOptions): Promise<SessionEnd> {
  const runner = new LineRunner({ ...options, keyboard: (pressed) => takeKeys(options.input, pressed, () => runner.cancel()) });
  let chain = Promise.resolve();
  /** Grows with each Ctrl-C: lines that were typed before it are not run after it. */
  let interruption = 0;
  let emptyInterrupts = 0;
  /** Lines that are not done yet. */
  let waiting = 0;

  const server = start({
    prompt: PROMPT,
    input: options.input,
    output: options.output,
    terminal: true,
    useColors: false,
    preview: false,
    completer(line: string, done: (error: null, result: [string[], string]) => void) {
      void complete(line, VERBS, options.agent).then((result) => done(null, result));
    },
  });
  // node:repl would take the line for JavaScript, and for .load, .save and .editor.
  server.removeAllListeners('line');
  server.on('line', (line) => {
    const typedAt = interruption;
    const typedAhead = waiting++ > 0;
    emptyInterrupts = 0;
    chain = chain.then(async () => {
      if (typedAt === interruption && runner.left === undefined) {
        // Its echo stands somewhere in the answers before it.
        if (typedAhead) options.output.write(`${PROMPT}${line}\n`);
        await runner.run(line);
      }
      waiting--;
      if (runner.left !== undefined) server.close();
      else if (waiting === 0) server.displayPrompt();
    });
  });
  server.removeAllListeners('SIGINT');
  server.on('SIGINT', () => {
    const empty = server.line === '';
    if (runner.cancel()) {
      interruption++;
      return;
    }
    emptyInterrupts = empty ? emptyInterrupts + 1 : 0;
    eraseLine(server);
    options.output.write(empty && emptyInterrupts >= 2 ? `\n${HOW_TO_LEAVE}` : '^C\n');
    server.displayPrompt();
  });
  await keepHistory(server, options.historyFile);

  const close = () => server.close();
  options.stop.addEventListener('abort', close);
  options.input.on('error', close);
  await new Promise<void>((resolve) => {
    server.once('exit', resolve);
    if (options.stop.aborted) close();
  });
  options.stop.removeEventListener('abort', close);
  if (runner.left === undefined) {
    // Ctrl-D: the cursor still stands behind the prompt. A command that runs yet is not waited for long.
    runner.left = 'end-of-input';
    runner.cancel();
    options.output.write('\n');
  }
  await chain;
  return { why: runner.left, status: EXIT.done };
}

/** Empties the line by the keys that a person would press: Ctrl-E, Ctrl-U. */
function eraseLine(server: REPLServer): void {
  server.write(null as unknown as string, { ctrl: true, name: 'e' });
  server.write(null as unknown as string, { ctrl: true, name: 'u' });
}

async function keepHistory(server: REPLServer, file: string | undefined): Promise<void> {
  if (file === undefined || !prepareHistory(file)) return;
  await new Promise<void>((resolve) => server.setupHistory(file, () => resolve()));
}
