import assert from 'node:assert/strict';
import { runLine } from '../../../agent/commands/run-line.js';
import { fine } from '../../../agent/doctor/finding.js';
import { AgentDouble } from '../support/agent-double.js';
import { ExaminerDouble, FINDINGS } from '../support/examiner-double.js';
import { assertWidth, compareGolden } from '../support/golden.js';
import { memorySink } from '../support/memory-sink.js';
import { answer } from '../support/run-with-double.js';

const FIXABLE = ['ip link set dev eth1 up', 'sysctl -w net.ipv4.conf.eth0.rp_filter=2', 'sysctl -w net.ipv4.conf.eth1.rp_filter=2'];

describe('doctor', () => {
  it('shows problems first, what mends them, and the counts at the end, in 80 columns', async () => {
    const { out, err, status } = await answer('doctor');
    compareGolden(out, new URL('golden/doctor.txt', import.meta.url));
    assertWidth(out, 80);
    assert.equal(err, '');
    assert.equal(status, 1);
  });

  it('a folded command can be pasted as it stands', async () => {
    const { out } = await answer('doctor', { columns: 72 });
    assertWidth(out, 72);
    const folded = /^ {11}(\/usr\/lib[\s\S]*?[^\\])\n/m.exec(out)?.[1] ?? '';
    assert.equal(folded.replace(/ \\\n\s+/g, ' '), FINDINGS[1]?.command?.join(' '));
  });

  it('without a problem the exit status is 0', async () => {
    const examiner = new ExaminerDouble(FINDINGS.filter(({ level }) => level !== 'problem'));
    const { out, status } = await answer('doctor', { examiner });
    assert.match(out, /\n2 warnings, 1 note; 2 checks are fine\n$/);
    assert.equal(status, 0);
    const well = await answer('doctor', { examiner: new ExaminerDouble([fine('kernel', 'kernel 6.18')]) });
    assert.equal(well.out, 'eth0, eth1 (as given)\n\nok       kernel 6.18\n\nnothing amiss; 1 check is fine\n');
  });

  it('the flags reach the examiner, and those behind `backend` are its own', async () => {
    const examiner = new ExaminerDouble();
    const agent = new AgentDouble();
    await answer('doctor --device=eth0,eth1', { examiner, agent });
    await answer('doctor', { examiner, agent });
    await answer('doctor backend --device=eth2 --vip=40.1.1.1 --vip 2001:DB8::1 --dispatch=l2 --lb=20.1.1.1', { examiner });
    await answer('doctor backend --vip=40.1.1.1', { examiner });
    assert.deepEqual(examiner.requests, [
      { agent, devices: ['eth0', 'eth1'] },
      { agent, devices: undefined },
      { vips: ['40.1.1.1', '2001:db8::1'], dispatch: 'l2', balancer: '20.1.1.1', devices: ['eth2'] },
      { vips: ['40.1.1.1'], dispatch: 'ipip', balancer: undefined, devices: undefined },
    ]);
    assert.match((await answer('doctor backend')).err, /^error: doctor backend: --vip=IP\[,IP\.\.\.\] is missing \(FL_E_USAGE\)/);
    assert.match((await answer('doctor backends')).err, /^error: doctor: "backends" is one word too many/);
  });

  it('without --fix nothing is run', async () => {
    const examiner = new ExaminerDouble();
    await answer('doctor --yes', { examiner });
    assert.deepEqual(examiner.ran, []);
  });

  it('--fix asks for each, runs what got a yes, looks again, and never runs what is not harmless', async () => {
    const examiner = new ExaminerDouble();
    const asked: string[] = [];
    const ask = async (question: string) => asked.push(question) !== 2;
    const { out, err, status } = await answer('doctor --fix', { examiner, ask });
    assert.equal(asked.length, FIXABLE.length);
    assert.equal(asked[0], 'eth1 is down\n  ip link set dev eth1 up\nrun it?');
    assert.deepEqual(examiner.ran, [FIXABLE[0], FIXABLE[2]]);
    assert.equal(err, `done: ${FIXABLE[0]}\ndone: ${FIXABLE[2]}\n`);
    assert.match(out, /\nlooked again: 2 problems, 1 warning, 1 note; 2 checks are fine\n$/);
    assert.equal(status, 1);
  });

  it('--fix --yes does not ask; where nobody can be asked, --fix alone is refused', async () => {
    const examiner = new ExaminerDouble(FINDINGS.filter(({ harmless }) => harmless));
    const { status } = await answer('doctor --fix --yes', { examiner });
    assert.deepEqual(examiner.ran, FIXABLE);
    assert.equal(status, 0);
    const other = new ExaminerDouble();
    const refused = await answer('doctor --fix', { examiner: other });
    assert.equal(refused.status, 2);
    assert.match(refused.err, /no terminal to ask at \(FL_E_USAGE\)\n {2}add --yes/);
    assert.deepEqual([other.ran, other.requests], [[], []]);
  });

  it('a command that fails is told, and the others are run', async () => {
    const examiner = new ExaminerDouble();
    examiner.failing = FIXABLE[0];
    const { out, err, status } = await answer('doctor --fix --yes -o json', { examiner });
    assert.match(err, /^error: `ip link set dev eth1 up` failed: permission denied \(FL_E_SYSTEM\)\ndone: /);
    assert.deepEqual(examiner.ran, FIXABLE);
    assert.equal(status, 1);
    const { doctor } = JSON.parse(out) as { doctor: { findings: { text: string }[]; mendings: unknown[] } };
    assert.deepEqual(doctor.mendings, [
      { command: FIXABLE[0], outcome: 'failed', error: '`ip link set dev eth1 up` failed: permission denied' },
      { command: FIXABLE[1], outcome: 'done', error: null },
      { command: FIXABLE[2], outcome: 'done', error: null },
    ]);
    // What is left after the second look.
    assert.deepEqual(
      doctor.findings.filter(({ text }) => /rp_filter/.test(text)),
      [],
    );
  });

  it('a session that cannot look at its machine says so', async () => {
    const [out, err] = [memorySink(), memorySink()];
    const { signal } = new AbortController();
    const status = await runLine('doctor', { agent: new AgentDouble(), out, err, signal, leave() {} });
    assert.equal(status, 3);
    assert.match(err.text, /FL_E_UNSUPPORTED/);
  });
});
