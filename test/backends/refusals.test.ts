// What install.sh refuses, and how: exit status, message with the value, what to do, and nothing changed.
// Runs in network namespaces of its own.

import assert from 'node:assert/strict';
import path from 'node:path';
import { skipTest } from '../tools/skip.js';
import { attempt, BACKENDS, cleanUp, compile, connect, Host, makeFolder, missing } from './lab.js';
import { snapshot } from './snapshot.js';

describe('backends/linux/install.sh, refusals', function () {
  this.timeout(60_000);
  let backend: Host;

  before(function () {
    const reason = missing();
    if (reason !== undefined) skipTest(this, reason);
    backend = new Host('b');
    connect(new Host('c'), backend);
  });

  afterEach(() => {
    backend.uninstall();
  });

  after(() => cleanUp());

  it('takes a built object, and refuses that of the other hook', () => {
    const before = snapshot(backend);
    const object = compile(path.join(BACKENDS, 'decap_tc.c'), makeFolder());
    const wrong = backend.install('--vip', '40.1.1.1', '--hook', 'xdp', '--object', object);
    assert.equal(wrong.status, 2);
    assert.match(wrong.stderr, /holds the program decap_tc, --hook xdp wants decap_xdp/);
    assert.equal(snapshot(backend), before);
    const [command, args] = backend.enter(path.join(BACKENDS, 'install.sh'), ['--device', 'eth0', '--vip', '40.1.1.1', '--object', object]);
    assert.equal(attempt(command, args, { env: { ...process.env, CLANG: '/nonexistent' } }).status, 0);
  });

  it('says what is missing when there is neither clang nor an object', () => {
    const before = snapshot(backend);
    const [command, args] = backend.enter(path.join(BACKENDS, 'install.sh'), ['--device', 'eth0', '--vip', '40.1.1.1']);
    const outcome = attempt(command, args, { env: { ...process.env, CLANG: '/nonexistent' } });
    assert.equal(outcome.status, 3);
    assert.match(outcome.stderr, /clang is not installed\n {2}Install it .*--object FILE/);
    assert.equal(snapshot(backend), before);
  });

  const REFUSALS: readonly [string, readonly string[], number, RegExp][] = [
    ['no device', ['--vip', '40.1.1.1'], 2, /--device is missing/],
    ['no VIP', ['--device', 'eth0'], 2, /--vip is missing/],
    ['a VIP that is no address', ['--device', 'eth0', '--vip', '40.1.1.256'], 2, /'40\.1\.1\.256' is neither an IPv4 nor an IPv6 address/],
    ['a multicast VIP', ['--device', 'eth0', '--vip', '224.0.0.1'], 2, /no unicast address/],
    ['a VIP with two gaps', ['--device', 'eth0', '--vip', '2001:db8::1::2'], 2, /'2001:db8::1::2' is neither/],
    ['a multicast IPv6 VIP', ['--device', 'eth0', '--vip', 'ff05::1'], 2, /no unicast address/],
    ['a link-local VIP', ['--device', 'eth0', '--vip', 'fe80::99'], 2, /link-local/],
    ['the loopback address as VIP', ['--device', 'eth0', '--vip', '0::1'], 2, /::1 is reserved/],
    ['an IPv4-mapped VIP', ['--device', 'eth0', '--vip', '::ffff:40.1.1.1'], 2, /::ffff:2801:101 is reserved/],
    ["the host's own IPv6 address as VIP", ['--device', 'eth0', '--vip', '2001:db8:20::10'], 1, /is an address of eth0/],
    ["the host's own address as VIP", ['--device', 'eth0', '--vip', '20.1.1.10'], 1, /is an address of eth0/],
    ['an unknown hook', ['--device', 'eth0', '--vip', '40.1.1.1', '--hook', 'egress'], 2, /--hook 'egress' is none of: tc xdp/],
    ['an unknown flag', ['--device', 'eth0', '--fast'], 2, /unknown argument '--fast'/],
    ['a flag without its value', ['--device', 'eth0', '--vip'], 2, /--vip wants a value/],
    ['a device that is not there', ['--device', 'eth7', '--vip', '40.1.1.1'], 1, /there is no device eth7/],
    ['a device without Ethernet', ['--device', 'lo', '--vip', '40.1.1.1'], 3, /lo is no Ethernet device/],
    ['a path as device', ['--device', '../eth0', '--vip', '40.1.1.1'], 2, /no device name/],
    ['an object that is not there', ['--device', 'eth0', '--vip', '40.1.1.1', '--object', '/nonexistent.o'], 1, /cannot read the object/],
    ['status of nothing', ['--device', 'eth0', '--status'], 1, /nothing is installed for eth0/],
  ];
  it('refuses what it cannot do with the right status, and changes nothing', () => {
    const before = snapshot(backend);
    for (const [text, args, status, message] of REFUSALS) {
      const outcome = backend.attempt(path.join(BACKENDS, 'install.sh'), ...args);
      assert.equal(outcome.status, status, `${text}: ${outcome.stderr}`);
      assert.match(outcome.stderr, message, text);
    }
    assert.equal(snapshot(backend), before);
  });

  it('refuses `ip netns exec`, where pins would be lost', () => {
    const outcome = attempt('ip', [
      'netns',
      'exec',
      backend.name,
      path.join(BACKENDS, 'install.sh'),
      '--device',
      'eth0',
      '--vip',
      '40.1.1.1',
    ]);
    assert.equal(outcome.status, 3);
    assert.match(outcome.stderr, /nsenter --net/);
  });

  it('wants root, and says so with status 4', function () {
    const script = path.join(BACKENDS, 'install.sh');
    if (attempt('setpriv', ['--reuid=65534', '--clear-groups', 'test', '-r', script]).status !== 0)
      skipTest(this, 'nobody cannot read this folder');
    const outcome = attempt('setpriv', ['--reuid=65534', '--clear-groups', script, '--device', 'eth0', '--vip', '40.1.1.1']);
    assert.equal(outcome.status, 4);
    assert.match(outcome.stderr, /needs root/);
  });

  it('prints its usage', () => {
    for (const script of ['install.sh', 'uninstall.sh']) {
      const outcome = attempt(path.join(BACKENDS, script), ['--help']);
      assert.equal(outcome.status, 0);
      assert.ok(outcome.stdout.startsWith(`Usage: ${script} --device DEVICE`));
      assert.ok(outcome.stdout.split('\n').every((line) => line.length <= 80));
    }
  });
});
