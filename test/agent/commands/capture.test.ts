import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readPcapng } from '../../support/pcapng.js';
import { AgentDouble, EVENTS } from '../support/agent-double.js';
import { answer } from '../support/run-with-double.js';

describe('capture', () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'fairlead-capture-'));
    file = join(folder, 'x.pcapng');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('writes each event with its device, time, length, bytes, comment and verdict', async () => {
    const { out, err, status } = await answer(`capture --file=${file} --kind=new-flow,drop,sample`);
    assert.deepEqual([out, err, status], [`5 packets in ${file}\n`, '5 events\n', 0]);
    const { application, packets } = readPcapng(readFileSync(file));
    assert.equal(application, 'fairlead');
    assert.deepEqual(
      packets.map(({ device, microseconds, captured, bytes, flags, verdict }) => ({
        device,
        microseconds,
        captured,
        bytes,
        flags,
        verdict,
      })),
      EVENTS.map(({ view, packet }) => ({
        device: view.device ?? 'unknown',
        microseconds: Math.round(view.time * 1e6),
        captured: Buffer.from(packet),
        bytes: view.bytes,
        flags: 1,
        verdict: [2, { drop: 1, pass: 2, tx: 3, redirect: 4 }[view.verdict]],
      })),
    );
    assert.deepEqual(
      packets.slice(0, 2).map(({ comment }) => comment),
      [
        'new-flow: snat_request, service 1, to 20.1.1.30:80, 74 bytes by eth0: request rewritten to the backend',
        'drop: no_backend, service 1, 74 bytes by eth0: the service has no backend that takes new flows',
      ],
    );
  });

  it('asks for 128 bytes of each packet, or as many as --snap says, and for the same filters as monitor', async () => {
    const agent = new AgentDouble();
    await answer(`capture --file=${file}`, { agent });
    await answer(`capture --file=${file}2 --snap=256 --address=20.1.1.0/24 --service=1 --sample=5`, { agent });
    assert.deepEqual(agent.watched, [
      { kinds: ['new-flow', 'drop'], sample: 1, rate: 1000, snap: 128, service: undefined, prefix: undefined, reason: undefined },
      {
        kinds: ['new-flow', 'drop', 'sample'],
        sample: 5,
        rate: 1000,
        snap: 256,
        service: 1,
        prefix: { address: '20.1.1.0', length: 24 },
        reason: undefined,
      },
    ]);
    assert.match((await answer(`capture --file=${file}3 --snap=257`)).err, /--snap: length 257: not a number from 0 to 256/);
  });

  it('ends after --count packets, and at Ctrl-C with a whole file', async () => {
    assert.equal((await answer(`capture --file=${file} --count=1`)).out, `1 packet in ${file}\n`);
    assert.equal(readPcapng(readFileSync(file)).packets.length, 1);
    const agent = new AgentDouble();
    agent.endless = true;
    const cancel = new AbortController();
    const answered = answer(`capture --file=${file}2`, { agent, signal: cancel.signal });
    setTimeout(() => cancel.abort(), 50);
    assert.deepEqual([(await answered).out, (await answered).status], [`2 packets in ${file}2\n`, 0]);
    assert.equal(readPcapng(readFileSync(`${file}2`)).packets.length, 2);
  });

  it('leaves a file alone that exists, and does not watch then', async () => {
    writeFileSync(file, 'mine');
    const agent = new AgentDouble();
    const { err, status } = await answer(`capture --file=${file}`, { agent });
    assert.match(err, /^error: file .*x\.pcapng: exists already \(FL_E_CONFLICT\)\n {2}give another name, or remove it\n$/);
    assert.equal(status, 1);
    assert.equal(readFileSync(file, 'utf8'), 'mine');
    assert.deepEqual(agent.watched, []);
  });

  it('makes no file when the agent refuses the watch', async () => {
    const { err, status } = await answer(`capture --file=${file} --service=77`);
    assert.match(err, /there is no service 77 \(FL_E_NOT_FOUND\)/);
    assert.equal(status, 1);
    assert.ok(!existsSync(file));
  });

  it('says when the file cannot be made, or cannot be written', async () => {
    assert.match((await answer('capture --file=/nowhere/x')).err, /file \/nowhere\/x: cannot be made: .*ENOENT.*FL_E_SYSTEM/);
    assert.match((await answer('capture')).err, /--file=FILE is missing/);
  });

  it('makes a file that its owner alone may read', async () => {
    await answer(`capture --file=${file}`);
    assert.equal(statSync(file).mode & 0o777, 0o600);
  });
});
