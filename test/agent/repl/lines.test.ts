import assert from 'node:assert/strict';
import { PassThrough, Readable } from 'node:stream';
import type { SessionEnd } from '../../../agent/repl/line-runner.js';
import { runSession } from '../../../agent/repl/session.js';
import { AgentDouble } from '../support/agent-double.js';
import { memorySink } from '../support/memory-sink.js';

interface Run extends SessionEnd {
  readonly out: string;
  readonly err: string;
}

async function pipe(input: Readable, agent = new AgentDouble(), stop = new AbortController().signal): Promise<Run> {
  const [out, err] = [memorySink(), memorySink()];
  const options = { agent, input, output: new PassThrough(), out, err, historyFile: undefined, stop, debug: false };
  const end = await runSession(options);
  return { ...end, out: out.text, err: err.text };
}

const lines = (...text: string[]) => Readable.from([Buffer.from(text.map((line) => `${line}\n`).join(''))]);

describe('commands from a pipe', () => {
  it('are carried out in order, answers and errors apart', async () => {
    const run = await pipe(lines('# a comment', '', 'mode update dsr', 'mode get', 'nonsense', 'mode update snat', 'mode get'));
    assert.equal(run.out.replace(/ \(was.*/g, ''), 'mode dsr\nmode dsr\nmode snat\nmode snat\n');
    assert.match(run.err, /^error: unknown command "nonsense"/m);
    assert.equal(run.why, 'end-of-input');
  });

  it('the status is that of the last failure, and 0 without one', async () => {
    assert.equal((await pipe(lines('mode get'))).status, 0);
    assert.equal((await pipe(lines('nonsense', 'service get --id=77', 'mode get'))).status, 1);
    assert.equal((await pipe(lines('service get --id=77', 'nonsense'))).status, 2);
  });

  it('a slow command is waited for before the next one begins', async () => {
    const agent = new AgentDouble();
    const order: string[] = [];
    const setMode = agent.setMode.bind(agent);
    agent.setMode = async (mode) => {
      order.push(`begin ${mode}`);
      await new Promise((resolve) => setTimeout(resolve, mode === 'dsr' ? 30 : 0));
      order.push(`end ${mode}`);
      return setMode(mode);
    };
    await pipe(lines('mode update dsr', 'mode update snat'), agent);
    assert.deepEqual(order, ['begin dsr', 'end dsr', 'begin snat', 'end snat']);
  });

  it('a last line without an end of line counts; CR LF ends lines too', async () => {
    const run = await pipe(Readable.from([Buffer.from('mode get\r\nmode get')]));
    assert.equal(run.out, 'mode snat\nmode snat\n');
  });

  it('nothing is carried out after exit or unload', async () => {
    for (const [line, why] of [
      ['exit', 'exit'],
      ['unload', 'unloaded'],
    ] as const) {
      const agent = new AgentDouble();
      const run = await pipe(lines('mode get', line, 'mode update dsr'), agent);
      assert.equal(run.why, why);
      assert.deepEqual(agent.calls, []);
    }
  });

  it('exit ends the session though the input stays open', async () => {
    const input = new PassThrough();
    input.write('exit\n');
    assert.equal((await pipe(input)).why, 'exit');
  });

  it('a stop cancels the running dump and ends the session, though the input is open', async () => {
    const agent = new AgentDouble();
    const stop = new AbortController();
    const input = new PassThrough();
    input.write('service dumpstate --id=9\nmode update dsr\n');
    setTimeout(() => stop.abort(), 50);
    const run = await pipe(input, agent, stop.signal);
    assert.equal(run.why, 'stopped');
    assert.ok(agent.dumped > 0 && agent.dumped < 1_000_000);
    assert.deepEqual(agent.calls, []);
  });

  it('a stop while the session waits for input ends it', async () => {
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 20);
    assert.equal((await pipe(new PassThrough(), new AgentDouble(), stop.signal)).why, 'stopped');
  });

  it('a stop before the session begins lets nothing run', async () => {
    const agent = new AgentDouble();
    assert.equal((await pipe(lines('mode update dsr'), agent, AbortSignal.abort())).why, 'stopped');
    assert.deepEqual(agent.calls, []);
  });
});
