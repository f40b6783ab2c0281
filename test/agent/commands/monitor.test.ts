import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { runLine } from '../../../agent/commands/run-line.js';
import type { EventFilter } from '../../../agent/model/events.js';
import { AgentDouble, EVENTS } from '../support/agent-double.js';
import { assertWidth, compareGolden } from '../support/golden.js';
import { memorySink } from '../support/memory-sink.js';
import { answer } from '../support/run-with-double.js';

const ALL = '--kind=new-flow,drop,sample';

/** The filter that a line asks the agent for. */
async function filterOf(line: string): Promise<EventFilter | undefined> {
  const agent = new AgentDouble();
  await answer(line, { agent });
  return agent.watched[0];
}

describe('monitor', () => {
  it('reads at 80 columns as in golden/monitor.txt', async () => {
    const { out, err, status } = await answer(`monitor ${ALL}`, { terminal: true });
    assertWidth(out, 80);
    compareGolden(out, new URL('golden/monitor.txt', import.meta.url));
    assert.equal(err, 'watching for new-flow, drop, sample; Ctrl-C ends it\n5 events\n');
    assert.equal(status, 0);
  });

  it('gives a pipe one line for each event', async () => {
    const { out, err } = await answer(`monitor ${ALL}`);
    assert.equal(out.split('\n').length, EVENTS.length + 1);
    assert.equal(
      out.split('\n')[0],
      '12:34:56.789 new-flow tcp 20.1.1.100:57652 > 40.1.1.1:80 snat_request, service 1, to 20.1.1.30:80, 74 bytes by eth0',
    );
    assert.equal(err, '5 events\n');
  });

  it('JSON has the events, exact, and null for what is not known', async () => {
    const { out } = await answer(`monitor ${ALL} -o json`);
    const views = EVENTS.map(({ view }) => Object.fromEntries(Object.entries(view).map(([key, value]) => [key, value ?? null])));
    assert.deepEqual(JSON.parse(out), { version: 1, events: views });
    assert.equal(out.split('\n').length, EVENTS.length + 3);
  });

  it('JSON gives each event away before the next one comes', async () => {
    const agent = new AgentDouble();
    agent.endless = true;
    const cancel = new AbortController();
    const [out, err] = [memorySink(), memorySink()];
    const running = runLine('monitor -o json', { agent, out, err, signal: cancel.signal, leave: () => {} });
    for (let turn = 0; turn < 1000 && out.text.split('\n').length < 3; turn++) await nextTurn();
    const early = out.text;
    cancel.abort();
    await running;
    assert.match(early, /^\{"version":1,"events":\[\n\{.*\},\n\{.*\}$/);
    assert.equal(JSON.parse(out.text).events.length, 2);
  });

  it('ends after --count events', async () => {
    const { out, err } = await answer('monitor --count=1');
    assert.equal(out.split('\n').length, 2);
    assert.equal(err, '1 event\n');
  });

  it('ends at Ctrl-C, and that is no failure', async () => {
    const agent = new AgentDouble();
    agent.endless = true;
    const cancel = new AbortController();
    const answered = answer('monitor', { agent, signal: cancel.signal });
    setTimeout(() => cancel.abort(), 20);
    const { err, status } = await answered;
    assert.deepEqual([err, status], ['2 events\n', 0]);
  });

  it('tells what was left out', async () => {
    const agent = new AgentDouble();
    agent.losses = { limited: 3, lost: 1 };
    const { err } = await answer('monitor --rate=50', { agent });
    const lines = err.split('\n').slice(1);
    assert.deepEqual(lines, [
      'warning: 3 events left out: more than 50 a second and CPU (--rate)',
      'warning: 1 event left out: they came faster than they were read',
      '',
    ]);
  });

  it('asks for what the flags say', async () => {
    const base = { sample: 1, rate: 1000, snap: 0, service: undefined, prefix: undefined, reason: undefined };
    const cases: readonly [string, Partial<EventFilter>][] = [
      ['', { kinds: ['new-flow', 'drop'] }],
      ['--kind=drop', { kinds: ['drop'] }],
      ['--kind=sample,drop,sample', { kinds: ['sample', 'drop'] }],
      ['--sample=100', { kinds: ['new-flow', 'drop', 'sample'], sample: 100 }],
      ['--kind=sample --sample=7', { kinds: ['sample'], sample: 7 }],
      ['--reason=no_backend', { kinds: ['drop'], reason: 'no_backend' }],
      ['--reason=malformed', { kinds: ['sample'], reason: 'malformed' }],
      ['--service=9 --rate=0', { kinds: ['new-flow', 'drop'], service: 9, rate: 0 }],
      ['--address=20.1.1.77', { kinds: ['new-flow', 'drop'], prefix: { address: '20.1.1.77', length: 32 } }],
      ['--address 20.1.1.77/24', { kinds: ['new-flow', 'drop'], prefix: { address: '20.1.1.0', length: 24 } }],
      ['--address=2001:DB8:0:0::1/33', { kinds: ['new-flow', 'drop'], prefix: { address: '2001:db8::', length: 33 } }],
    ];
    for (const [flags, expected] of cases) assert.deepEqual(await filterOf(`monitor ${flags}`), { ...base, ...expected }, flags);
  });

  it('refuses values that cannot be', async () => {
    const cases: readonly [string, RegExp][] = [
      ['--kind=drops', /--kind: kind drops: not one of new-flow, drop, sample[\s\S]*did you mean drop\?/],
      ['--kind=drop,x', /--kind, entry 2: kind x/],
      ['--reason=nobackend', /--reason: reason nobackend[\s\S]*did you mean no_backend\?/],
      ['--address=20.1.1', /--address: address 20\.1\.1: not an address/],
      ['--address=20.1.1.0/33', /prefix length 33: not a number from 0 to 32/],
      ['--address=::1/129', /prefix length 129: not a number from 0 to 128/],
      ['--sample=0', /--sample: number 0: not a number from 1/],
      ['--count=0', /--count: count 0/],
      ['--service=0', /--service: id 0/],
    ];
    for (const [flags, expected] of cases) {
      const { err, status } = await answer(`monitor ${flags}`);
      assert.match(err, expected);
      assert.equal(status, 2, flags);
    }
  });
});
