import assert from 'node:assert/strict';
import { stripVTControlCharacters } from 'node:util';
import { AgentDouble } from '../support/agent-double.js';
import { compareGolden } from '../support/golden.js';
import { memorySink } from '../support/memory-sink.js';
import { answer } from '../support/run-with-double.js';
import { formatError } from '../../../agent/commands/format-error.js';
import { FairleadError } from '../../../agent/model/errors.js';

const WRONG = [
  'servce list',
  'service updte',
  'service',
  'nothing of the kind',
  'help servce',
  'service update',
  'service update --ids=3',
  'service update --id',
  'service update --id=0',
  'service update --id=1 --frontend=40.1.1:80',
  'service update --id=1 --backends=20.1.1.10:80,20.1.1.20:80abc',
  'service update --id=1 --backend-weights=1,2',
  'service get --id=1 2',
  'service get --id=77',
  'service list -x',
  'service list -o toml',
  'service dumpstate --id 77',
  'mode update',
  'explain',
  'explain 20.1.1.100:40000',
  'explain 20.1.1.100:40000 [2001:db8::1]:80',
  'explain 20.1.1.100:40000 40.1.1.1:80 sctp',
  'explain 20.1.1.100:40000 40.1.1.1:80 tcp udp',
  'explain 20.1.1.100:* 40.1.1.1:80',
  'explain 20.1.1.100:4 40.1.1.1:80 --bytes=39',
  'explain 20.1.1.100:4 40.1.1.1:80 --quic-id=0a01',
  'explain 20.1.1.100:4 40.1.1.1:80 udp --quic-id=0a0',
  'explain 224.0.0.1:7 -> 40.1.1.1:80',
  'mode update dsx',
  'mode update dsr snat',
  'backend set --id=1 --backend=20.1.1.10:80',
  'backend set --id=1 --backend=20.1.1.10:80 --state=terminatng',
  'neighbor update 20.1.1.77',
  'neighbour',
  'cls --now',
  '--id=1',
  '""',
  '"service list',
  '__proto__',
  'constructor get',
];

describe('errors of commands', () => {
  it('read as in golden/errors.txt, and each has a status', async () => {
    let text = '';
    for (const line of WRONG) {
      const { out, err, status } = await answer(line);
      assert.equal(out, '', line);
      assert.match(err, /^error: .*\(FL_E_[A-Z_]+\)\n/, line);
      assert.equal(status, /FL_E_NOT_FOUND/.test(err) ? 1 : 2, line);
      text += `> ${line}\n${err}\n`;
    }
    compareGolden(text, new URL('golden/errors.txt', import.meta.url));
  });

  it('a call that was refused changes nothing', async () => {
    const agent = new AgentDouble();
    for (const line of WRONG) await answer(line, { agent });
    assert.deepEqual(agent.calls, []);
  });

  it('a terminal gets colour and lines that fit; a pipe gets one line', () => {
    const error = new FairleadError('FL_E_VALUE', `a message of ${'many words '.repeat(12)}`, { hint: 'do it right' });
    const terminal = formatError(error, memorySink({ colour: true, terminal: true }), false);
    assert.ok(terminal.startsWith('\x1b[31merror:\x1b[39m a message'));
    for (const line of stripVTControlCharacters(terminal).split('\n')) assert.ok(line.length <= 80, line);
    assert.equal(formatError(error, memorySink(), false).split('\n').length, 3);
  });

  it('a defect is short, and has its stack only when asked for', () => {
    const defect = new TypeError('x is undefined');
    const short = formatError(defect, memorySink(), false);
    assert.match(short, /^internal error: TypeError: x is undefined\n/);
    assert.doesNotMatch(short, /errors\.test/);
    assert.match(formatError(defect, memorySink(), true), /errors\.test/);
  });

  it('a defect of a command is answered, not thrown', async () => {
    const agent = new AgentDouble();
    agent.getMode = async () => {
      throw new TypeError('broken');
    };
    const { err, status } = await answer('mode get', { agent });
    assert.match(err, /internal error: TypeError: broken/);
    assert.equal(status, 1);
  });
});
