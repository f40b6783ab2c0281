import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Terminal } from '../support/pty.js';

const PROGRAM = 'node --import tsx test/agent/support/repl-with-double.ts';

describe('the prompt on a terminal', function () {
  this.timeout(40_000);
  let home: string;
  let terminal: Terminal;

  beforeEach(async () => {
    home = mkdtempSync(join(tmpdir(), 'fairlead-prompt-'));
    terminal = await openPrompt();
  });
  afterEach(() => {
    terminal.kill();
    rmSync(home, { recursive: true, force: true });
  });

  async function openPrompt(environment: Record<string, string> = {}): Promise<Terminal> {
    const opened = new Terminal(PROGRAM, { HOME: home, XDG_STATE_HOME: '', NO_COLOR: '', ...environment });
    await opened.wait(/fairlead> /);
    return opened;
  }

  it('answers commands, and errors in red', async () => {
    assert.equal(await terminal.ask('mode get'), 'mode snat\n');
    assert.match(await terminal.ask('servce'), /^error: unknown command "servce": did you mean "service"\?/);
    assert.ok(terminal.raw.includes('\x1b[31merror:\x1b[39m'));
  });

  it('without colour when NO_COLOR is set', async () => {
    terminal.kill();
    terminal = await openPrompt({ NO_COLOR: '1' });
    await terminal.ask('servce');
    assert.ok(!terminal.raw.includes('\x1b[31m'));
  });

  it('runs lines that were typed ahead in their order', async () => {
    terminal.type('mode update dsr\rmode get\rmode update snat\rmode get\rquit\r');
    assert.equal(await terminal.ended(), 0);
    const answers = terminal.text.match(/^mode (dsr|snat)( \(was \w+\))?/gm);
    assert.deepEqual(answers, ['mode dsr (was snat)', 'mode dsr', 'mode snat (was dsr)', 'mode snat']);
  });

  it('Ctrl-C stops a long dump and what was typed after it, and the prompt lives on', async () => {
    terminal.type('service dumpstate --id=9\rservice delete --id=1\r');
    await terminal.wait(/100\.64\.0\.1/);
    terminal.type('\x03');
    await terminal.wait(/stopped after \d+ flows/);
    await terminal.wait(/fairlead> /);
    assert.match(await terminal.ask('service get --id=1'), /service 1: 40\.1\.1\.1:80/);
    terminal.type('exit\r');
    await terminal.ended();
    const given = Number(/flows given (\d+)/.exec(terminal.text)?.[1]);
    assert.ok(given > 0 && given < 1_000_000, `${given} flows`);
  });

  it('Ctrl-C ends a monitor that waits for events, and the prompt lives on', async () => {
    terminal.type('monitor\r');
    await terminal.wait(/watching for new-flow, drop; Ctrl-C ends it\n[\s\S]*no_backend/);
    terminal.type('\x03');
    await terminal.wait(/2 events\nfairlead> /);
    assert.equal(await terminal.ask('mode get'), 'mode snat\n');
  });

  it('Ctrl-C clears the line; at an empty prompt it says, the second time, how to leave', async () => {
    terminal.type('service delete --id=1');
    await terminal.wait(/--id=1/);
    terminal.type('\x03');
    await terminal.wait(/\^C\nfairlead> /);
    terminal.type('\r');
    await terminal.wait(/\nfairlead> /);
    terminal.type('\x03');
    await terminal.wait(/\^C\nfairlead> /);
    assert.doesNotMatch(terminal.text, /Ctrl-D/);
    terminal.type('\x03');
    await terminal.wait(/`exit` or Ctrl-D leaves and traffic goes on[^>]*\nfairlead> /);
    assert.match(await terminal.ask('service get --id=1'), /service 1/);
  });

  it('Ctrl-D leaves', async () => {
    terminal.type('\x04');
    assert.equal(await terminal.ended(), 0);
    assert.match(terminal.text, /ended: end-of-input, status 0/);
  });

  it('a failed command does not make the session a failure', async () => {
    await terminal.ask('service get --id=77');
    terminal.type('exit\r');
    assert.equal(await terminal.ended(), 0);
    assert.match(terminal.text, /ended: exit/);
  });

  it('Tab completes commands, flags and ids', async () => {
    terminal.type('service dumps');
    await terminal.wait(/dumps$/);
    terminal.type('\t');
    await terminal.wait(/tate $/);
    terminal.type('--i');
    await terminal.wait(/--i$/);
    terminal.type('\t');
    await terminal.wait(/d=$/);
    terminal.type('2\r');
    assert.match(await terminal.wait(/fairlead> $/), /0 flows/);
  });

  it('the commands of node:repl are gone', async () => {
    for (const line of ['.load x', '.save x', '.editor', '.break', '1 + 1', 'process.exit(3)']) {
      assert.match(await terminal.ask(line), /unknown command/, line);
    }
  });

  it('remembers lines across runs in a file of this person alone', async () => {
    await terminal.ask('mode get');
    terminal.type('exit\r');
    await terminal.ended();
    const file = join(home, '.local/state/fairlead/history');
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.match(readFileSync(file, 'utf8'), /mode get/);
    terminal = await openPrompt();
    terminal.type('\x1b[A');
    await terminal.wait(/exit/);
    terminal.type('\x1b[A');
    await terminal.wait(/mode get/);
    terminal.type('\r');
    await terminal.wait(/\nmode snat\n/);
  });

  it('works without a place for the history', async () => {
    terminal.kill();
    terminal = await openPrompt({ HOME: '/proc/nowhere' });
    assert.equal(await terminal.ask('mode get'), 'mode snat\n');
  });
});
