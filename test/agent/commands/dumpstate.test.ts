import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { writeFlowTable } from '../../../agent/commands/flow-table.js';
import { runLine } from '../../../agent/commands/run-line.js';
import { openSink } from '../../../agent/commands/sink.js';
import type { FlowView } from '../../../agent/model/views.js';
import { AgentDouble, MANY_FLOWS } from '../support/agent-double.js';
import { assertWidth } from '../support/golden.js';
import { memorySink } from '../support/memory-sink.js';
import { answer } from '../support/run-with-double.js';

/** A reader that takes a piece only every few milliseconds, and remembers how much waited for it at most. */
class SlowReader extends Writable {
  bytes = 0;
  mostWaiting = 0;
  constructor() {
    super({ highWaterMark: 16384 });
  }
  override _write(piece: Buffer, _encoding: string, done: () => void): void {
    this.bytes += piece.length;
    this.mostWaiting = Math.max(this.mostWaiting, this.writableLength);
    setImmediate(done);
  }
}

describe('service dumpstate', () => {
  for (const format of ['table', 'json']) {
    it(`a million flows pass through as ${format} without piling up before a slow reader`, async function () {
      this.timeout(60_000);
      const reader = new SlowReader();
      const out = openSink(reader, { colour: false });
      const err = memorySink();
      const before = process.memoryUsage().heapUsed;
      const signal = new AbortController().signal;
      await runLine(`service dumpstate --id=9 -o ${format}`, { agent: new AgentDouble(), out, err, signal, leave: () => {} });
      assert.equal(err.text, '');
      assert.ok(reader.bytes > MANY_FLOWS * 60, `${reader.bytes} bytes`);
      assert.ok(reader.mostWaiting < 1_000_000, `${reader.mostWaiting} bytes waited`);
      assert.ok(process.memoryUsage().heapUsed - before < 200e6);
    });
  }

  it('ends with the count', async () => {
    assert.match((await answer('service dumpstate --id=1')).out, /\n7 flows\n$/);
  });

  it('stops between two flows when it is cancelled, and says how far it came', async () => {
    const agent = new AgentDouble();
    const cancel = new AbortController();
    setTimeout(() => cancel.abort(), 20);
    const { err } = await answer('service dumpstate --id=9', { agent, signal: cancel.signal });
    assert.ok(agent.dumped < MANY_FLOWS);
    assert.match(err, /^stopped after \d+ flows; there may be more\n$/);
  });

  it('a reader that leaves ends the wait', async () => {
    const reader = new Writable({ highWaterMark: 1, write: () => {} });
    reader.on('error', () => {});
    const written = openSink(reader, { colour: false }).write('text');
    reader.destroy(new Error('EPIPE'));
    await written;
    await openSink(reader, { colour: false }).write('more');
  });

  it('the longest addresses fit into 80 columns', async () => {
    const flow: FlowView = {
      source: '100.100.100.100',
      sourcePort: 57652,
      destination: '200.200.200.200',
      destinationPort: 65535,
      protocol: 'tcp',
      backend: '192.168.100.100',
      backendPort: 65535,
      mode: 'dsr-ipip',
      snatPort: undefined,
      snatAddress: undefined,
      state: 'CLOSING',
      txPackets: 1e6,
      txBytes: 1e9,
      rxPackets: undefined,
      rxBytes: undefined,
      age: 1,
      idle: 1,
    };
    const sink = memorySink();
    await writeFlowTable(sink, [flow]);
    assertWidth(sink.text, 80);
    for (const text of ['100.100.100.100', '57652', '200.200.200.200', '192.168.100.100', 'CLOSING', '1.00G'])
      assert.ok(sink.text.includes(text), text);
  });

  it('no line is wider than the terminal, and a wider one shows no less', async () => {
    let columns = 0;
    for (let width = 80; width <= 150; width++) {
      const sink = memorySink({ columns: width });
      await writeFlowTable(sink, [FLOW, { ...FLOW, mode: 'dsr-ipip', txBytes: 1e9 }]);
      assertWidth(sink.text, width);
      const shown = sink.text.split('\n')[3]?.trim().split(/ +/).length ?? 0;
      // At 100 columns the gaps grow from 1 to 2.
      assert.ok(shown >= columns || width === 100, `${shown} columns at ${width}, ${columns} before`);
      columns = shown;
    }
    assert.equal(columns, 16);
  });

  it('a page that needs more room begins with a new header', async () => {
    const sink = memorySink();
    const [narrow, wide] = [{ source: '1.1.1.1' }, { source: '100.100.100.100' }].map((one) => ({ ...FLOW, ...one }));
    await writeFlowTable(sink, [...Array.from({ length: 1000 }, () => narrow as FlowView), wide as FlowView]);
    assert.equal(sink.text.match(/^ +Source +Port/gm)?.length, 2);
    assert.match(sink.text, /\n1001 flows\n$/);
  });
});

const FLOW = (await new AgentDouble().dumpState(1).next()).value as FlowView;
