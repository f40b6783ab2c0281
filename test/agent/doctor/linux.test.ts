// The doctor on this kernel, in a network namespace of its own: faults are made, found, and mended by what it prints.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { skipTest } from '../../tools/skip.js';
import { Shell } from './shell.js';

const NAME = `fldoc${process.pid}`;
const PASS = fileURLToPath(new URL('../../../samples/founding-lab/pass.bpf.c', import.meta.url));

describe('the doctor on this kernel', function () {
  this.timeout(60_000);
  const shell = new Shell(NAME);
  let folder = '';
  // No agent answers there, whatever runs on this machine.
  const doctor = `--instance=${NAME} doctor`;

  before(function () {
    if (process.platform !== 'linux' || process.getuid?.() !== 0) skipTest(this, 'needs Linux and root');
    folder = mkdtempSync(join(tmpdir(), 'fairlead-doctor-'));
    execFileSync('clang', ['-O2', '-target', 'bpf', '-c', PASS, '-o', join(folder, 'pass.o')]);
    execFileSync('ip', ['netns', 'add', NAME]);
    shell.run(`
      ip link set lo up
      ip link add eth0 type veth peer name peer0
      ip link add veth.1 type veth peer name peer1
      for peer in peer0 peer1; do
        ip link set dev $peer xdpdrv obj ${folder}/pass.o sec xdp
        ip link set dev $peer up mtu 1540
        ethtool -K $peer tx off
      done
      ip address add 20.1.1.1/24 dev eth0
      ip address add 30.1.1.1/24 dev veth.1
      ip link set eth0 up mtu 1540 && ip link set veth.1 up mtu 1540
      sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0`);
  });

  after(() => {
    if (folder === '') return;
    execFileSync('ip', ['netns', 'del', NAME]);
    rmSync(folder, { recursive: true, force: true });
  });

  it('where all is well it says so, of all devices that have an address and no agent', () => {
    const look = shell.look(doctor);
    assert.deepEqual(look.kinds, [], JSON.stringify(look.amiss));
    assert.equal(look.status, 0);
    assert.deepEqual([...look.devices].sort(), ['eth0', 'veth.1']);
    assert.match(look.chosenBy, /^all that are up and have an address/);
  });

  it('finds what is wrong with the devices, and what it prints mends it', () => {
    shell.run(`
      ip link set dev eth0 xdpdrv obj ${folder}/pass.o sec xdp
      ip link set eth0 mtu 1500
      ip link set veth.1 down
      sysctl -qw net.ipv4.conf.eth0.rp_filter=1 net/ipv4/conf/veth.1/rp_filter=1
      sysctl -qw net.ipv4.conf.eth0.forwarding=0
      sysctl -qw net.ipv4.ip_local_port_range='1024 65535'
      ethtool -K peer0 tx on`);
    const words = `${doctor} --device=eth0,veth.1`;
    const look = shell.look(words);
    assert.equal(look.status, 1);
    assert.deepEqual(look.kinds, [
      'problem checksum',
      'problem device',
      'problem foreign-xdp',
      'warning forwarding',
      'warning rp-filter',
      'warning rp-filter',
      'warning snat-ports',
    ]);
    assert.ok(look.amiss.some(({ level, check, text }) => level === 'note' && check === 'mtu' && /^eth0: MTU 1500/.test(text)));
    const commands = shell.printed(words);
    assert.equal(commands.length, 8, commands.join('\n'));
    assert.ok(commands.includes('sysctl -w net/ipv4/conf/veth.1/rp_filter=2   # --fix runs it'));
    assert.deepEqual(
      commands.map((command) => command.replace(/ +# --fix runs it$/, '')),
      look.commands,
    );
    for (const command of commands) shell.run(command);
    const again = shell.look(words);
    assert.deepEqual(again.kinds, [], JSON.stringify(again.amiss));
    assert.ok(!again.amiss.some(({ check }) => check === 'mtu'));
    assert.equal(again.status, 0);
  });

  it('--fix mends the harmless ones and leaves the program of somebody else and the MTU', () => {
    shell.run(`
      ip link set dev eth0 xdpgeneric obj ${folder}/pass.o sec xdp
      ip link set eth0 mtu 1500 && ip link set veth.1 down
      sysctl -qw net.ipv4.conf.eth0.rp_filter=1 net.ipv4.conf.eth0.forwarding=0
      ethtool -K peer0 tx on`);
    const words = `${doctor} --device=eth0,veth.1`;
    const refused = shell.attempt(`fairlead ${words} --fix </dev/null`);
    assert.equal(refused.status, 2, refused.stdout);
    assert.match(
      shell.run('sysctl -n net.ipv4.conf.eth0.rp_filter; ip link show dev veth.1'),
      /^1\n.*state DOWN/,
      'a refusal changes nothing',
    );
    const { stdout, stderr, status } = shell.attempt(`fairlead ${words} --fix --yes`);
    assert.equal(status, 1, 'the program is still there');
    assert.equal((stderr.match(/^done: /gm) ?? []).length, 3, stderr);
    assert.match(stdout, /^looked again: 1 problem, 1 warning, /m);
    const left = shell.look(words);
    assert.deepEqual(left.kinds, ['problem foreign-xdp', 'warning forwarding']);
    assert.match(shell.run('ip link show dev eth0'), /mtu 1500 xdpgeneric/);
    for (const command of left.commands) shell.run(command);
    assert.doesNotMatch(shell.run('ip link show dev eth0'), /xdp/);
  });

  it('a peer that runs no program, and a device that is not there', () => {
    shell.run('ip link set dev peer0 xdp off');
    const look = shell.look(`${doctor} --device=eth0,nowhere0`);
    assert.deepEqual(look.kinds, ['problem device', 'problem veth']);
    assert.match(look.amiss.map(({ text }) => text).join('\n'), /device nowhere0: there is none of this name/);
  });
});
