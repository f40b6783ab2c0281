// Events end to end: monitor and capture on a load balancer that serves real clients, the capture file read by tshark.
// Imports the lab and its siblings. Needs root, native XDP, tshark and a current dist/.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { EventView } from '../../agent/model/events.js';
import { type AgentProcess, startAgent } from '../../samples/founding-lab/agent-process.js';
import { runCommand } from '../../samples/founding-lab/command.js';
import type { Lab } from '../../samples/founding-lab/lab.js';
import { bpftool, mapPinsOf } from './support/kernel.js';
import { openSetting, requireRoot, SNAT, SUITE_TIMEOUT, setService, waitFor } from './support/setting.js';
import { countPages, getPage, isServed } from './support/traffic.js';

/** The service that all is well with, and one whose backends take no new flow. */
const SERVED = 1;
const CLOSED = 2;

describe('events end to end', function () {
  this.timeout(SUITE_TIMEOUT);
  let lab: Lab;
  let agent: AgentProcess;

  before(async function () {
    requireRoot(this);
    ({ lab, agent } = await openSetting({ backends: 2 }, SNAT));
    await setService(lab, agent, SERVED);
    await setService(lab, agent, CLOSED, `${lab.vip}:81`, 8080);
    for (const { address } of lab.backends) await agent.must(`backend set --id=${CLOSED} --backend=${address}:8080 --state=maintenance`);
  });
  after(async () => lab?.remove());

  const eventsAreOn = async (): Promise<boolean> => {
    const path = mapPinsOf(agent.instance).find((pin) => pin.endsWith('/event_filter')) ?? '';
    const entry = (await bpftool('map', 'lookup', 'pinned', path, 'key', '0', '0', '0', '0')) as {
      formatted: { value: { kinds: number } };
    };
    return entry.formatted.value.kinds !== 0;
  };

  /** What the command answers when `action` runs while it watches. */
  const during = async (line: string, action: () => Promise<unknown>): Promise<string> => {
    const answered = agent.must(line);
    await waitFor('events on', async () => (await eventsAreOn()) || undefined, 10_000);
    await action();
    const answer = await answered;
    assert.equal(await eventsAreOn(), false, 'events are off behind the command');
    return answer;
  };

  const readEvents = (answer: string): readonly EventView[] => (JSON.parse(answer) as { events: EventView[] }).events;

  /** One row of these fields for each packet that the display filter lets through. */
  const tshark = async (file: string, fields: readonly string[], filter = ''): Promise<readonly (readonly string[])[]> => {
    const { stdout } = await runCommand([
      'tshark',
      '-n',
      '-o',
      'ip.check_checksum:TRUE',
      '-r',
      file,
      '-Y',
      filter,
      '-T',
      'fields',
      ...fields.flatMap((field) => ['-e', field]),
    ]);
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split('\t'));
  };

  it('monitor shows a new flow as the client began it, with the backend that answered', async () => {
    let backend = '';
    const answer = await during('monitor --kind=new-flow --count=1 -o json', async () => {
      ({ backend } = await getPage(lab, { localPort: 22001 }));
    });
    const [event, ...more] = readEvents(answer);
    assert.deepEqual(more, []);
    const { time, bytes, ...view } = event as EventView;
    assert.ok(Math.abs(time - Date.now() / 1000) < 30, `${time} is not now`);
    assert.ok(bytes >= 54 && bytes < 100, `${bytes} bytes of a SYN`);
    assert.deepEqual(view, {
      kind: 'new-flow',
      reason: 'snat_request',
      verdict: 'tx',
      device: 'eth0',
      source: '20.1.1.100',
      sourcePort: 22001,
      destination: lab.vip,
      destinationPort: 80,
      protocol: 'tcp',
      service: SERVED,
      backend: lab.host(backend).address,
      backendPort: 80,
    });
  });

  it('monitor prints drops with their reason, and nothing of other services', async () => {
    const answer = await during(`monitor --service=${CLOSED} --count=2`, async () => {
      await countPages(lab, 3);
      for (let tries = 0; tries < 2; tries++) assert.equal(await isServed(lab, `http://${lab.vip}:81/`), false);
    });
    const line = /^\d\d:\d\d:\d\d\.\d{3} drop {5}tcp 20\.1\.1\.100:\d+ > 40\.1\.1\.1:81 no_backend, service 2, \d\d bytes by eth0$/;
    const lines = answer.trim().split('\n');
    assert.equal(lines.length, 2, answer);
    for (const one of lines) assert.match(one, line);
  });

  it('capture writes a file that tshark opens: both directions of one service, whole headers, comments, verdicts', async () => {
    const file = join(lab.folder, 'service.pcapng');
    const answer = await during(`capture --file=${file} --kind=sample --service=${SERVED} --count=8`, async () => {
      await isServed(lab, `http://${lab.vip}:81/`);
      await countPages(lab, 2);
    });
    assert.equal(answer, `8 packets in ${file}\n`);
    const rows = await tshark(file, [
      'frame.interface_name',
      'ip.src',
      'ip.dst',
      'tcp.dstport',
      'tcp.flags.syn',
      'frame.comment',
      'frame.verdict.ebpf_xdp',
    ]);
    assert.equal(rows.length, 8);
    assert.deepEqual([...new Set(rows.map(([device]) => device))], ['eth0']);
    const [requests, replies] = [
      rows.filter(([, source]) => source === '20.1.1.100'),
      rows.filter(([, source]) => source !== '20.1.1.100'),
    ];
    assert.ok(requests.length > 2 && replies.length > 2, `${requests.length} requests, ${replies.length} replies`);
    for (const [, , destination, port, , comment = ''] of requests) {
      assert.deepEqual([destination, port], [lab.vip, '80']);
      assert.match(comment, /^sample: snat_request, service 1, to 20\.1\.1\.\d+:80, \d+ bytes by eth0: request rewritten to the backend$/);
    }
    for (const [, source = '', , , , comment = ''] of replies) {
      assert.ok(lab.backends.some(({ address }) => address === source));
      assert.match(comment, /^sample: snat_reply, service 1, /);
    }
    assert.equal(rows[0]?.[4], '1', 'the first one is a SYN');
    assert.deepEqual([...new Set(rows.map((row) => row[6]))], ['3'], 'all left by XDP_TX');
    assert.equal((await tshark(file, ['frame.number'], '_ws.malformed || ip.checksum.status == 0')).length, 0);
    const times = (await tshark(file, ['frame.time_epoch'])).map(([time]) => Number(time));
    assert.ok(times.every((time, index) => index === 0 || time >= (times[index - 1] ?? 0)));
    assert.ok(Math.abs((times[0] ?? 0) - Date.now() / 1000) < 30);
  });

  it('capture keeps to a reason, and to an address', async () => {
    const [reason, address] = [join(lab.folder, 'reason.pcapng'), join(lab.folder, 'address.pcapng')];
    await during(`capture --file=${reason} --reason=no_backend --count=2`, async () => {
      await countPages(lab, 3);
      for (let tries = 0; tries < 2; tries++) await isServed(lab, `http://${lab.vip}:81/`);
    });
    assert.deepEqual(await tshark(reason, ['ip.dst', 'tcp.dstport']), [
      [lab.vip, '81'],
      [lab.vip, '81'],
    ]);
    const [backend] = lab.backends;
    assert.ok(backend !== undefined);
    await during(`capture --file=${address} --kind=sample --address=${backend.address} --count=5 --snap=54`, () => countPages(lab, 40));
    const rows = await tshark(address, ['ip.src', 'frame.cap_len']);
    assert.deepEqual(rows, new Array(5).fill([backend.address, '54']));
  });

  it('a watch that is cut short by SIGKILL is over with the next start', async () => {
    const answered = agent.tell('monitor').catch(() => 'killed');
    await waitFor('events on', async () => (await eventsAreOn()) || undefined, 10_000);
    await agent.kill();
    assert.equal(await answered, 'killed');
    assert.equal(await eventsAreOn(), true, 'nobody was there to switch them off');
    agent = await startAgent(lab, SNAT);
    assert.equal(await eventsAreOn(), false);
    await getPage(lab);
  });

  it('SIGTERM ends a watch and leaves events off', async () => {
    const answered = agent.tell('monitor').catch(() => 'ended');
    await waitFor('events on', async () => (await eventsAreOn()) || undefined, 10_000);
    await agent.kill('SIGTERM');
    await answered;
    assert.equal(await eventsAreOn(), false);
    agent = await startAgent(lab, SNAT);
  });
});
