// Somebody else changes the data plane behind the agent's back, with the tools that everybody has: the agent notices within two seconds, puts it right,
// and says so; traffic is served again.
// Imports the lab and its siblings. Needs root, native XDP, bpftool and a current dist/.

import assert from 'node:assert/strict';
import { readdirSync, rmSync } from 'node:fs';
import type { AgentProcess } from '../../samples/founding-lab/agent-process.js';
import { runCommand } from '../../samples/founding-lab/command.js';
import type { Lab } from '../../samples/founding-lab/lab.js';
import { bpftool, mapPinsOf, pinsOf, xdpOn } from './support/kernel.js';
import { openSetting, readServices, readStatus, requireRoot, SNAT, SUITE_TIMEOUT, setService, waitFor } from './support/setting.js';
import { assertAllReached, isServed } from './support/traffic.js';

/** The promise is two seconds; a busy machine gets a few more here, as this is no measurement. */
const NOTICED = 10_000;

describe('changes behind the back of the agent, end to end', function () {
  this.timeout(SUITE_TIMEOUT);
  let lab: Lab;
  let agent: AgentProcess;

  before(async function () {
    requireRoot(this);
    ({ lab, agent } = await openSetting({ backends: 2 }, SNAT));
    await setService(lab, agent, 1);
  });
  after(async () => lab?.remove());

  const pinOf = (name: string): string => mapPinsOf(agent.instance).find((path) => path.endsWith(`/${name}`)) ?? '';
  const hex = (bytes: readonly (number | string)[]): string[] => [
    'hex',
    ...bytes.map((byte) => Number(byte).toString(16).padStart(2, '0')),
  ];
  const dump = async (path: string): Promise<{ key: string[]; value: string[] }[]> => {
    const { stdout } = await runCommand(['bpftool', '-j', 'map', 'dump', 'pinned', path]);
    return JSON.parse(stdout) as { key: string[]; value: string[] }[];
  };
  const numbers = (bytes: readonly (string | number)[]) => bytes.map((byte) => Number(byte));
  let last: string | undefined;
  /** Waits until another warning about it stands than the last time, and returns it. */
  const noticed = async (what: RegExp): Promise<string> => {
    const find = async () => (await readStatus(agent)).warnings.find((line) => what.test(line) && line !== last);
    last = await waitFor(`a warning like ${what}`, find, NOTICED);
    return last;
  };

  it('an entry that was taken out of the service map is back', async () => {
    const path = pinOf('lb4_services');
    const [entry] = await dump(path);
    await runCommand(['bpftool', 'map', 'delete', 'pinned', path, 'key', ...hex(entry?.key ?? [])]);
    assert.match(await noticed(/lb4_services/), /put right once at .* somebody else had changed: map lb4_services: entries missing: 1/);
    assert.deepEqual(await dump(path), [entry]);
    await assertAllReached(lab);
  });

  it('an entry that was put into the service map is gone', async () => {
    const path = pinOf('lb4_services');
    const before = await dump(path);
    const key = numbers(before[0]?.key ?? []);
    key[0] = 41;
    await runCommand(['bpftool', 'map', 'update', 'pinned', path, 'key', ...hex(key), 'value', ...hex(before[0]?.value ?? [])]);
    await noticed(/foreign: 1/);
    assert.deepEqual(await dump(path), before);
    assert.equal((await readServices(agent)).length, 1);
  });

  it('a backend that was changed is as it was', async () => {
    const path = pinOf('lb4_backends');
    const [first] = await dump(path);
    const value = numbers(first?.value ?? []);
    value[24] = 99; // first octet of its address
    await runCommand(['bpftool', 'map', 'update', 'pinned', path, 'key', ...hex(first?.key ?? []), 'value', ...hex(value)]);
    await noticed(/lb4_backends: entries changed: 1/);
    await assertAllReached(lab);
  });

  it('a Maglev table that was taken away, or changed, is built anew', async () => {
    const path = pinOf('lb_maglev');
    const inner = async () => {
      const [service] = await dump(path);
      return { key: service?.key ?? [], id: Buffer.from(numbers(service?.value ?? [0, 0, 0, 0])).readUInt32LE(0) };
    };
    const { key, id } = await inner();
    await runCommand(['bpftool', 'map', 'delete', 'pinned', path, 'key', ...hex(key)]);
    await noticed(/Maglev table of service 1 had been changed/);
    assert.notEqual((await inner()).id, id);
    await assertAllReached(lab);
    const changed = String((await inner()).id);
    const all = [...hex([0, 0, 0, 0]), 'value', ...hex(Array.from({ length: 64 }, () => [77, 0, 0, 0]).flat())];
    await runCommand(['bpftool', 'map', 'update', 'id', changed, 'key', ...all]);
    await noticed(/Maglev table of service 1 had been changed/);
    await assertAllReached(lab);
  });

  it('a link that was detached is attached again, and pinned', async () => {
    const before = await readStatus(agent);
    await runCommand(['bpftool', 'link', 'detach', 'id', String(before.devices[0]?.linkId)]);
    assert.equal(await isServed(lab), false);
    assert.match(await noticed(/eth0/), /device eth0: the program was taken off; attached again, link id \d+/);
    assert.equal((await xdpOn(lab.host('lb')))?.id, before.program.id);
    assert.notEqual((await readStatus(agent)).devices[0]?.linkId, before.devices[0]?.linkId);
    await assertAllReached(lab);
  });

  it('pins that were removed are there again, of the same objects', async () => {
    const before = pinsOf(agent.instance);
    const ids = async () =>
      Promise.all(mapPinsOf(agent.instance).map(async (path) => ((await bpftool('map', 'show', 'pinned', path)) as { id: number }).id));
    const maps = await ids();
    const folder = `/sys/fs/bpf/fairlead/${agent.instance}`;
    for (const name of readdirSync(folder)) rmSync(`${folder}/${name}`, { recursive: true });
    await noticed(/pins were removed: the program, map .* and \d+ more; pinned again/);
    assert.deepEqual(pinsOf(agent.instance), before);
    assert.deepEqual(await ids(), maps);
    await assertAllReached(lab);
  });

  it("a foreign program in our program's place is told, and left alone", async () => {
    const { devices } = await readStatus(agent);
    const eth0 = (...rest: string[]) => runCommand(['ip', '-n', lab.host('lb').namespace, 'link', 'set', 'dev', 'eth0', ...rest]);
    await runCommand(['bpftool', 'link', 'detach', 'id', String(devices[0]?.linkId)]);
    await eth0('xdpdrv', 'obj', `${lab.folder}/pass.o`, 'sec', 'xdp');
    const foreign = await xdpOn(lab.host('lb'));
    assert.match(await noticed(/cannot be put right/), /program \d+ \(\w+\) is attached; take that off.*ip link set dev eth0 xdp off/);
    assert.deepEqual(await xdpOn(lab.host('lb')), foreign);
    await eth0('xdpdrv', 'off');
    await waitFor('service again', async () => ((await isServed(lab)) ? true : undefined), NOTICED);
    assert.equal(
      (await readStatus(agent)).warnings.find((line) => /cannot be put right/.test(line)),
      undefined,
    );
  });

  it('nothing is told where nobody changes anything', async () => {
    const before = (await readStatus(agent)).warnings;
    await agent.must('service update --id=2 --frontend=40.1.1.1:81 --backends=20.1.1.10:8080 --source-deny=9.0.0.0/8');
    await agent.must('backend set --id 2 --backend 20.1.1.10:8080 --state maintenance');
    await agent.must('mode update dsr');
    await agent.must('service delete --id 2');
    await new Promise((resolve) => setTimeout(resolve, 2500));
    assert.deepEqual((await readStatus(agent)).warnings, before);
  });
});
