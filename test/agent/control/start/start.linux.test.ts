// The agent's start on a real kernel: a veth in a namespace of its own, real maps, links and ARP.
// Imports the agent's types alone; the agent runs in agent-child.ts, inside the namespace. Needs root and clang.
// Invariant: namespaces, pins and files have names of this process and are removed, also after a failure.

import assert from 'node:assert/strict';
import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { findSourceDirectory } from '../../../../agent/control/program/sources.js';
import { DEFAULT_SETTINGS, type Settings } from '../../../../agent/model/settings.js';
import type { StatusView } from '../../../../agent/model/views.js';
import { objectCache } from '../../../../samples/founding-lab/object-cache.js';
import { atEnd, requireLinuxRoot } from '../../../platform/linux-subject.js';

const NAME = `flctl${process.pid}`;
const PEER = `${NAME}p`;
const PINS = `/sys/fs/bpf/fairlead/${NAME}`;
const CHILD = fileURLToPath(new URL('../agent-child.ts', import.meta.url));

const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const quietly = (action: () => unknown): void => {
  try {
    action();
  } catch {
    // Was not there.
  }
};

type Failure = { code: string; message: string; hint: string | undefined };

/** One agent process inside the namespace. */
class Child {
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #lines: AsyncIterator<string>;
  #errors = '';

  constructor(settings: Settings, environment: object) {
    const args = [`--net=/run/netns/${NAME}`, process.execPath, '--import', 'tsx', CHILD, JSON.stringify([settings, environment])];
    this.#process = spawn('nsenter', args, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#process.stderr.on('data', (data) => (this.#errors += String(data)));
    const lines: Interface = createInterface({ input: this.#process.stdout });
    this.#lines = lines[Symbol.asyncIterator]();
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** The next answer. Throws what the agent threw, as it came. */
  async answer<Result>(): Promise<Result> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`the agent ended: ${this.#errors}`);
    const { result, error } = JSON.parse(value) as { result: Result; error?: Failure };
    if (error !== undefined) throw Object.assign(new Error(error.message), error);
    return result;
  }

  call<Result>(call: string, ...args: unknown[]): Promise<Result> {
    this.#process.stdin.write(`${JSON.stringify({ call, args })}\n`);
    return this.answer<Result>();
  }

  async end(signal?: 'SIGKILL'): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, 'exit');
    if (signal === undefined) this.#process.stdin.end();
    else this.#process.kill(signal);
    await ended;
  }
}

describe('startAgent on Linux', function () {
  this.timeout(60_000);
  let directory: string;
  let settings: Settings;
  let running: Child[] = [];
  let said: Record<string, string>;

  const cleanUp = (): void => {
    for (const name of [NAME, PEER]) quietly(() => ip('netns', 'delete', name));
    rmSync(PINS, { recursive: true, force: true });
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
  };

  before(function () {
    requireLinuxRoot(this);
    atEnd(cleanUp);
  });
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), `${NAME}-`));
    settings = {
      ...DEFAULT_SETTINGS,
      instance: NAME,
      devices: ['eth0'],
      maxFlows: 1024,
      maxBackends: 1024,
      stateFile: join(directory, 'state.json'),
      cacheDirectory: objectCache('startAgent on Linux'),
    };
    for (const name of [NAME, PEER]) ip('netns', 'add', name);
    makeDevice();
    ip('-n', PEER, 'address', 'add', '20.1.1.10/24', 'dev', 'eth0');
  });
  afterEach(async () => {
    for (const child of running) await child.end('SIGKILL');
    running = [];
    cleanUp();
  });

  function makeDevice(): void {
    ip('link', 'add', 'eth0', 'netns', NAME, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', PEER);
    for (const name of [NAME, PEER]) ip('-n', name, 'link', 'set', 'eth0', 'up');
    ip('-n', NAME, 'address', 'add', '20.1.1.1/24', 'dev', 'eth0');
  }

  async function start(more: Partial<Settings> = {}, environment: object = {}): Promise<Child> {
    const child = new Child({ ...settings, ...more }, { lockDirectory: directory, ...environment });
    running.push(child);
    said = await child.answer();
    return child;
  }

  const update = (id: number, hosts: readonly number[]) => ({
    id,
    frontend: { address: '40.1.1.1', port: 80, protocol: 'tcp' },
    backends: hosts.map((host) => ({ address: `20.1.1.${host}`, port: 80 })),
  });
  /** What a person sees without the agent. */
  const attached = (): string => /prog\/xdp id (\d+)/.exec(ip('-n', NAME, '-d', 'link', 'show', 'eth0'))?.[1] ?? 'none';

  it('serves, is killed, and the next one adopts link, program, maps and next hops', async () => {
    const first = await start();
    const { view, warnings } = await first.call<{ view: { backends: { mac: string }[] }; warnings: string[] }>(
      'updateService',
      update(1, [10, 99]),
    );
    assert.match(view.backends[0]?.mac ?? '', /^[0-9a-f:]{17}$/);
    assert.deepEqual(warnings, ['backend 20.1.1.99:80: no answer from 20.1.1.99 on eth0, retried']);
    await first.call('setMode', 'dsr');
    const before = await first.call<StatusView>('status');
    assert.equal(String(before.program.id), attached());
    await assert.rejects(start(), { code: 'FL_E_LOCKED', message: `instance ${NAME} is held by the agent with process id ${first.pid}` });
    await first.end('SIGKILL');
    assert.equal(attached(), String(before.program.id));
    const second = await start();
    assert.match(said['compile'] ?? '', /taken from the cache/);
    assert.match(said['verify'] ?? '', /adopted/);
    assert.match(said['attach'] ?? '', new RegExp(`link id ${before.devices[0]?.linkId} \\(adopted\\)`));
    assert.match(said['adopt'] ?? '', /^1 service, 2 backends, 0 flows/);
    const after = await second.call<StatusView>('status');
    assert.deepEqual([after.program.id, after.mode, after.unresolvedBackends], [before.program.id, 'dsr', 1]);
    await second.call('unload');
    await second.end();
    assert.equal(attached(), 'none');
    assert.equal(existsSync(PINS), false);
  });

  it('serves IPv6: the next hop is found by neighbour discovery, and the next agent adopts it', async () => {
    ip('-n', NAME, 'address', 'add', '2001:db8:20::1/64', 'dev', 'eth0', 'nodad');
    ip('-n', PEER, 'address', 'add', '2001:db8:20::10/64', 'dev', 'eth0', 'nodad');
    // Without a link-local address that has been checked for duplicates the kernel sends no solicitation.
    const tentative = () => [NAME, PEER].some((name) => ip('-n', name, '-6', 'address', 'show', 'dev', 'eth0', 'tentative') !== '');
    for (let tries = 0; tries < 250 && tentative(); tries++) await new Promise((resolve) => setTimeout(resolve, 20));
    const service = {
      id: 1,
      frontend: { address: '2001:db8:40::1', port: 80, protocol: 'tcp' },
      backends: [{ address: '2001:db8:20::10', port: 80 }],
    };
    const first = await start();
    const { view, warnings } = await first.call<{ view: { backends: { mac: string }[] }; warnings: string[] }>('updateService', service);
    const peer = /link\/ether (\S+)/.exec(ip('-n', PEER, 'link', 'show', 'eth0'))?.[1];
    assert.deepEqual([view.backends[0]?.mac, warnings], [peer, []]);
    const services = await first.call('listServices');
    await first.end('SIGKILL');
    const second = await start();
    assert.match(said['adopt'] ?? '', /^1 service, 1 backend, 0 flows/);
    assert.deepEqual(await second.call('listServices'), services);
  });

  it('replies leave with the present MAC address of their device', async () => {
    await start();
    const folder = readdirSync(PINS).find((name) => name.startsWith('maps-'));
    const [, index, mac] = /^(\d+): eth0.*link\/ether (\S+)/s.exec(ip('-n', NAME, 'link', 'show', 'eth0')) ?? [];
    const dump = (): string => execFileSync('bpftool', ['-j', 'map', 'dump', 'pinned', `${PINS}/${folder}/devices`], { encoding: 'utf8' });
    const served = (): unknown => JSON.parse(dump())[1].formatted.value;
    const entry = (address: string | undefined) => ({
      ifindex: Number(index),
      mac: address?.split(':').map((byte) => Number.parseInt(byte, 16)),
      pad: [0, 0],
    });
    assert.deepEqual(served(), entry(mac));
    ip('-n', NAME, 'link', 'set', 'eth0', 'address', '02:00:00:00:bb:bb');
    for (let tries = 0; tries < 100 && !dump().includes('187'); tries++) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(served(), entry('02:00:00:00:bb:bb'));
  });

  it('other settings: another program in the same link; another layout: other maps with the same services', async () => {
    const first = await start();
    await first.call('updateService', update(1, [10]));
    const services = await first.call('listServices');
    const before = await first.call<StatusView>('status');
    await first.end();
    const second = await start({ newFlowRate: 777, maxFlows: 2048 });
    const after = await second.call<StatusView>('status');
    assert.notEqual(after.program.id, before.program.id);
    assert.equal(after.devices[0]?.linkId, before.devices[0]?.linkId);
    assert.equal(attached(), String(after.program.id));
    assert.equal(after.flows.limit, 2 * 2048, 'of both families');
    assert.deepEqual(await second.call('listServices'), services);
    assert.match(said['adopt'] ?? '', /flows of before are lost/);
    const pins = readdirSync(PINS);
    assert.deepEqual(
      [pins.filter((name) => name.startsWith('maps-')).length, pins.filter((name) => name.startsWith('program-')).length],
      [1, 1],
    );
  });

  it('a program that does not compile or that the verifier refuses leaves the one before', async () => {
    const first = await start();
    await first.end();
    const [pins, program] = [readdirSync(PINS), attached()];
    const sourceDirectory = join(directory, 'bpf');
    cpSync(findSourceDirectory(), sourceDirectory, { recursive: true });
    const main = join(sourceDirectory, 'fairlead.c');
    const source = readFileSync(main, 'utf8');
    const environment = { sourceDirectory };
    /** A statement more, where the length of the Ethernet header is known to be there. */
    const breakProgram = (statement: string): string => {
      const broken = source.replace('\ttype = ethernet_parse', `\t${statement}\n\ttype = ethernet_parse`);
      assert.notEqual(broken, source);
      return broken;
    };
    writeFileSync(main, breakProgram('surplus();'));
    await assert.rejects(start({}, environment), { code: 'FL_E_COMPILE', message: /fairlead\.c:\d+:\d+: error: .*surplus/ });
    writeFileSync(main, breakProgram('if (*(volatile char *)(end + 9000)) return 0;'));
    await assert.rejects(start({}, environment), (error: Failure & Error) => {
      assert.equal(error.code, 'FL_E_VERIFY');
      const log = join(settings.cacheDirectory, 'verifier.log');
      assert.ok(error.hint?.includes(log), error.hint);
      assert.match(readFileSync(log, 'utf8'), /processed \d+ insns/);
      return true;
    });
    assert.deepEqual([readdirSync(PINS), attached()], [pins, program]);
    await start();
    assert.match(said['verify'] ?? '', /adopted/);
  });

  it("somebody else's program is refused and stays", async () => {
    const object = join(directory, 'stranger.o');
    writeFileSync(join(directory, 'stranger.c'), '__attribute__((section("xdp"), used)) int stranger(void *ctx) { return 2; }\n');
    execFileSync('clang', ['-O2', '-target', 'bpf', '-c', join(directory, 'stranger.c'), '-o', object]);
    ip('-n', NAME, 'link', 'set', 'eth0', 'xdp', 'object', object, 'section', 'xdp');
    const stranger = attached();
    assert.notEqual(stranger, 'none');
    await assert.rejects(start(), { code: 'FL_E_FOREIGN_PROGRAM', message: new RegExp(`program stranger \\(id ${stranger}, native\\)`) });
    assert.equal(attached(), stranger);
    assert.equal(existsSync(PINS), false);
  });

  it('a device that was made anew is attached to again', async () => {
    const first = await start();
    await first.end('SIGKILL');
    ip('-n', NAME, 'link', 'delete', 'eth0');
    makeDevice();
    assert.equal(attached(), 'none');
    const second = await start();
    assert.match(said['attach'] ?? '', /made anew since: attached again/);
    assert.equal(attached(), String((await second.call<StatusView>('status')).program.id));
  });

  it('a next hop that changes its MAC is followed', async () => {
    const agent = await start();
    await agent.call('updateService', update(1, [10]));
    ip('-n', PEER, 'link', 'set', 'eth0', 'address', '02:00:00:00:aa:aa');
    ip('-n', NAME, 'neighbour', 'replace', '20.1.1.10', 'lladdr', '02:00:00:00:aa:aa', 'nud', 'reachable', 'dev', 'eth0');
    for (let tries = 0; tries < 50; tries++) {
      const [backend] = await agent.call<{ mac: string }[]>('listBackends');
      if (backend?.mac === '02:00:00:00:aa:aa') return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.fail('the new MAC did not arrive within a second');
  });
});
