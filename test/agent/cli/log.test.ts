import assert from 'node:assert/strict';
import { makeLog } from '../../../agent/cli/log.js';
import { auditAgent } from '../../../agent/control/audited-agent.js';
import { AgentDouble } from '../support/agent-double.js';
import { memorySink } from '../support/memory-sink.js';
import { answer } from '../support/run-with-double.js';

const NOON = Date.UTC(2026, 0, 2, 12, 0, 0, 5);

describe('the log', () => {
  it('is one line of JSON for each event, whatever stands in it', () => {
    const sink = memorySink();
    makeLog(sink, 'info', () => NOON)('warning', 'two\nlines', { by: 'api', path: 'a "b"\n' });
    assert.deepEqual(JSON.parse(sink.text), {
      time: '2026-01-02T12:00:00.005Z',
      level: 'warning',
      message: 'two\nlines',
      by: 'api',
      path: 'a "b"\n',
    });
    assert.equal(sink.text.split('\n').length, 2);
  });

  it('is text on a terminal, one line too', () => {
    const sink = memorySink({ terminal: true });
    makeLog(sink, 'info', () => NOON)('info', 'two\nlines', { by: 'api', what: 'a b' });
    assert.equal(sink.text, '2026-01-02T12:00:00.005Z info    two lines  by=api what="a b"\n');
  });

  it('leaves out what is less grave than its level', () => {
    const sink = memorySink();
    const log = makeLog(sink, 'warning');
    log('info', 'no');
    log('debug', 'no');
    log('error', 'yes');
    assert.match(sink.text, /^.*"message":"yes"}\n$/);
  });
});

describe('an audited agent', () => {
  async function logged(...lines: readonly string[]): Promise<readonly string[]> {
    const told: string[] = [];
    const agent = auditAgent(new AgentDouble(), 'api', (level, message, fields) =>
      told.push(`${level}: ${message} ${JSON.stringify(fields)}`),
    );
    for (const line of lines) await answer(line, { agent });
    return told;
  }

  it('logs each change with who asked, and no question', async () => {
    const told = await logged(
      'service update --id=3 --frontend=40.1.1.3:80 --backends=20.1.1.10:80',
      'service update --id=3',
      'service list',
      'status',
      'mode update dsr',
      'mode update dsr',
      'backend set --id=1 --backend=20.1.1.10:80 --weight=7',
      'deny add 203.0.113.0/24',
      'service delete --id=3',
      'service dumpstate --id=1',
      'unload',
    );
    assert.deepEqual(told, [
      'info: service 3 created: 40.1.1.3:80/tcp, backends: 1, mode snat {"by":"api"}',
      'info: mode dsr (was snat) {"by":"api"}',
      'info: backend 20.1.1.10:80 of service 1 changed: active, weight 7 {"by":"api"}',
      'info: deny list: 1 added, 0 removed, 1 on it {"by":"api"}',
      'info: service 3 deleted: 40.1.1.3:80/tcp {"by":"api"}',
      'info: data plane unloaded: traffic stops {"by":"api"}',
    ]);
  });

  it('logs what was refused, with its code', async () => {
    const [line] = await logged('service delete --id=77');
    assert.match(line ?? '', /^warning: service 77: delete failed: there is no service 77 \{"by":"api","code":"FL_E_NOT_FOUND"\}$/);
  });
});
