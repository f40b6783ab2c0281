// install.sh and uninstall.sh of backends/linux in network namespaces: what they change, keep and put back.
// A snapshot of addresses, routes, tc, XDP and sysctls before is compared with one after.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BACKENDS, cleanUp, compile, connect, Host, makeFolder, makePinFolder, missing, run } from './lab.js';
import { addressKey } from './frames.js';
import { SYSCTLS, snapshot, sysctlPath } from './snapshot.js';
import { skipTest } from '../tools/skip.js';

const programId = (text: string): string | undefined => /, id (\d+),/.exec(text)?.[1];

describe('backends/linux/install.sh', function () {
  this.timeout(60_000);
  let client: Host;
  let backend: Host;
  let folder: string;

  before(function () {
    const reason = missing();
    if (reason !== undefined) skipTest(this, reason);
    folder = makeFolder();
  });

  beforeEach(() => {
    client = new Host('c');
    backend = new Host('b');
    connect(client, backend);
    folder = makeFolder();
  });

  afterEach(() => cleanUp());

  function succeed(...args: string[]): string {
    const outcome = backend.install(...args);
    assert.equal(outcome.status, 0, outcome.stdout + outcome.stderr);
    return outcome.stdout;
  }

  function uninstall(): string {
    const outcome = backend.uninstall();
    assert.equal(outcome.status, 0, outcome.stdout + outcome.stderr);
    return outcome.stdout;
  }

  /** Keys of a map of the first decapsulator, in hex. */
  function keysOf(map: string): string[] {
    const dump = run('bpftool', '-j', 'map', 'dump', 'pinned', `/sys/fs/bpf/fairlead-backend/${backend.inode}-eth0/tc-1/${map}`);
    const entries = JSON.parse(dump) as { formatted: { key: { byte: number[] } } }[];
    return entries.map((entry) => Buffer.from(entry.formatted.key.byte).toString('hex')).sort();
  }

  for (const args of [
    ['--hook', 'tc'],
    ['--hook', 'xdp'],
    ['--dispatch', 'l2'],
  ]) {
    it(`changes nothing when run again, and is undone whole: ${args.join(' ')}`, () => {
      const before = snapshot(backend);
      const first = succeed('--vip', '40.1.1.1,40.1.1.2', '--vip', '2001:DB8:40:0::1', ...args);
      assert.match(first, /^done$/m);
      const installed = snapshot(backend);
      assert.notEqual(installed, before);
      assert.match(installed, /inet 40\.1\.1\.1\/32 /);
      assert.match(installed, /inet6 2001:db8:40::1\/128 /);
      assert.equal(/prog\/xdp|decap_tc/.test(installed), args[0] === '--hook');

      const second = succeed('--vip', '40.1.1.2', '--vip=40.1.1.1,2001:db8:40::0.0.0.1', ...args);
      assert.match(second, /^nothing to change$/m);
      assert.doesNotMatch(second, /^changed/m);
      assert.equal(snapshot(backend), installed);

      uninstall();
      assert.equal(snapshot(backend), before);
      assert.match(uninstall(), /nothing is installed/);
    });
  }

  it('follows other VIPs and another choice with the program in place', () => {
    const before = snapshot(backend);
    const first = programId(succeed('--vip', '40.1.1.1,40.1.1.2,2001:db8:40::1,2001:db8:40::2'));
    const second = succeed('--vip', '40.1.1.2,40.1.1.3,2001:db8:40::2,2001:db8:40::3', '--other', 'drop');
    assert.ok(first !== undefined && programId(second) === first, second);
    assert.match(second, /for 40\.1\.1\.2 40\.1\.1\.3 2001:db8:40::2 2001:db8:40::3; others: drop/);
    const addresses = backend.run('ip', '-o', 'address', 'show', 'dev', 'lo');
    assert.doesNotMatch(addresses, /40\.1\.1\.1\/|2001:db8:40::1\//);
    const expected = ['40.1.1.2', '40.1.1.3', '2001:db8:40::2', '2001:db8:40::3'];
    assert.deepEqual(keysOf('vips'), expected.map((address) => addressKey(address).toString('hex')).sort());
    const hosts = ['20.1.1.10', '2001:db8:20::10'];
    assert.deepEqual(keysOf('addresses'), hosts.map((address) => addressKey(address).toString('hex')).sort());
    uninstall();
    assert.equal(snapshot(backend), before);
  });

  it('says what to do about the MTU, until it is done', () => {
    assert.match(succeed('--vip', '40.1.1.1'), /MTU of eth0 is 1500.*\n.*1520.*advmss 1440/);
    backend.run('ip', 'route', 'change', '20.1.1.0/24', 'dev', 'eth0', 'src', '20.1.1.10', 'advmss', '1440');
    assert.doesNotMatch(succeed('--vip', '40.1.1.1'), /MTU/);
  });

  it('takes an address that the host got since as outer destination', () => {
    succeed('--vip', '40.1.1.1');
    backend.run('ip', 'address', 'add', '20.1.1.11/24', 'dev', 'eth0');
    assert.match(succeed('--vip', '40.1.1.1'), /map addresses: 20\.1\.1\.11 added/);
  });

  it('moves from one hook to the other, to L2 and back', () => {
    const before = snapshot(backend);
    succeed('--vip', '40.1.1.1', '--hook', 'tc');
    succeed('--vip', '40.1.1.1', '--hook', 'xdp');
    assert.equal(backend.run('tc', 'qdisc', 'show', 'dev', 'eth0').includes('clsact'), false);
    succeed('--vip', '40.1.1.1', '--hook', 'tc');
    assert.doesNotMatch(snapshot(backend), /prog\/xdp/);
    succeed('--vip', '40.1.1.1', '--dispatch', 'l2');
    assert.doesNotMatch(snapshot(backend), /prog\/xdp|decap_tc/);
    succeed('--vip', '40.1.1.1', '--hook', 'xdp');
    uninstall();
    assert.equal(snapshot(backend), before);
  });

  it('puts back what somebody took off', () => {
    succeed('--vip', '40.1.1.1');
    backend.run('tc', 'qdisc', 'del', 'dev', 'eth0', 'clsact');
    backend.run('ip', 'address', 'del', '40.1.1.1/32', 'dev', 'lo');
    const status = backend.install('--status');
    assert.equal(status.status, 1);
    assert.match(status.stdout, /MISSING +40\.1\.1\.1 is not on lo\n(.*\n)*MISSING +decap_tc is not attached to eth0/);
    assert.match(succeed('--vip', '40.1.1.1'), /VIP 40\.1\.1\.1\/32 added to lo\n(.*\n)*changed +decap_tc attached/);
    assert.equal(backend.install('--status').status, 0);
  });

  it('keeps a VIP that was there and a strict rp_filter for later', () => {
    backend.run('ip', 'address', 'add', '40.1.1.1/32', 'dev', 'lo');
    backend.run('sh', '-c', `echo 1 > ${sysctlPath('rp_filter')}`);
    const before = snapshot(backend);
    assert.match(succeed('--vip', '40.1.1.1'), /rp_filter 1 -> 2/);
    uninstall();
    assert.equal(snapshot(backend), before);
  });

  it('leaves a sysctl that somebody changed since', () => {
    succeed('--vip', '40.1.1.1');
    backend.run('sh', '-c', `echo 2 > ${sysctlPath('arp_ignore')}`);
    assert.match(uninstall(), /kept +sysctl net\.ipv4\.conf\.eth0\.arp_ignore = 2/);
    assert.deepEqual(
      SYSCTLS.map((name) => backend.run('cat', sysctlPath(name)).trim()),
      ['0', '2', '0'],
    );
  });

  it('touches no foreign filter and no foreign qdisc, and goes beside them', () => {
    backend.run('tc', 'qdisc', 'add', 'dev', 'eth0', 'clsact');
    backend.run(
      'tc',
      'filter',
      'add',
      'dev',
      'eth0',
      'ingress',
      'pref',
      '10',
      'protocol',
      'ip',
      'u32',
      'match',
      'u32',
      '0',
      '0',
      'classid',
      ':1',
    );
    const before = snapshot(backend);
    assert.match(succeed('--vip', '40.1.1.1'), /pref 11$/m);
    uninstall();
    assert.equal(snapshot(backend), before);
  });

  it('leaves its clsact when somebody has put a filter on it', () => {
    succeed('--vip', '40.1.1.1');
    backend.run(
      'tc',
      'filter',
      'add',
      'dev',
      'eth0',
      'egress',
      'pref',
      '5',
      'protocol',
      'ip',
      'u32',
      'match',
      'u32',
      '0',
      '0',
      'classid',
      ':1',
    );
    assert.match(uninstall(), /kept +qdisc clsact/);
    assert.match(backend.run('tc', 'filter', 'show', 'dev', 'eth0', 'egress'), /pref 5/);
    assert.equal(backend.run('tc', 'filter', 'show', 'dev', 'eth0', 'ingress'), '');
  });

  it('refuses a device with a foreign XDP program, and leaves everything as it was', () => {
    const pins = makePinFolder('foreign');
    run('bpftool', 'prog', 'load', compile(path.join(BACKENDS, 'decap_xdp.c'), folder), `${pins}/program`);
    backend.run('bpftool', 'net', 'attach', 'xdpdrv', 'pinned', `${pins}/program`, 'dev', 'eth0');
    const before = snapshot(backend);
    const outcome = backend.install('--vip', '40.1.1.1', '--hook', 'xdp');
    assert.equal(outcome.status, 1);
    assert.match(outcome.stderr, /XDP program of somebody else/);
    assert.equal(snapshot(backend), before);
    succeed('--vip', '40.1.1.1', '--hook', 'tc');
    uninstall();
    assert.equal(snapshot(backend), before);
  });

  it('leaves a VIP on lo for the other device that serves it', () => {
    client.run('ip', 'link', 'add', 'eth1', 'type', 'veth', 'peer', 'name', 'eth1', 'netns', backend.name);
    backend.run('ip', 'link', 'set', 'dev', 'eth1', 'up');
    succeed('--vip', '40.1.1.1');
    const script = path.join(BACKENDS, 'install.sh');
    backend.run(script, '--device', 'eth1', '--vip', '40.1.1.1');
    assert.match(uninstall(), /kept +VIP 40\.1\.1\.1 on lo: eth1 serves it too/);
    assert.match(backend.run('ip', '-o', 'address', 'show', 'dev', 'lo'), /40\.1\.1\.1/);
    backend.run(path.join(BACKENDS, 'uninstall.sh'), '--device', 'eth1');
    assert.doesNotMatch(backend.run('ip', '-o', 'address', 'show', 'dev', 'lo'), /40\.1\.1\.1/);
  });

  it('does not take the state of a namespace that is gone for its own', () => {
    succeed('--vip', '40.1.1.1');
    backend.run('tc', 'qdisc', 'del', 'dev', 'eth0', 'clsact');
    backend.run('ip', 'address', 'del', '40.1.1.1/32', 'dev', 'lo');
    backend.run('ip', 'link', 'set', 'dev', 'eth0', 'address', '02:00:00:00:00:77'); // another device by that name
    backend.run('sh', '-c', `for name in ${SYSCTLS.join(' ')}; do echo 0 > /proc/sys/net/ipv4/conf/eth0/$name; done`);
    const before = snapshot(backend).replace(/\/.*fairlead-backend.*\n/g, '');
    assert.match(succeed('--vip', '40.1.1.9'), /saved state of an earlier namespace/);
    uninstall();
    assert.equal(snapshot(backend), before);
  });

  it('undoes a first run that is interrupted', async () => {
    const before = snapshot(backend);
    const slow = path.join(folder, 'slow-clang');
    const mark = path.join(folder, 'mark');
    writeFileSync(slow, `#!/bin/sh\ntouch ${mark}\nsleep 1\nexec clang "$@"\n`);
    chmodSync(slow, 0o755);
    const [command, args] = backend.enter(path.join(BACKENDS, 'install.sh'), ['--device', 'eth0', '--vip', '40.1.1.1']);
    const child = spawn(command, args, { env: { ...process.env, CLANG: slow }, stdio: 'ignore' });
    while (!existsSync(mark)) await sleep(10);
    assert.match(snapshot(backend), /40\.1\.1\.1/);
    child.kill('SIGTERM');
    const [status] = (await once(child, 'exit')) as [number | null];
    assert.equal(status, 143);
    assert.equal(snapshot(backend), before);
  });
});
