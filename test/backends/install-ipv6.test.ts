// install.sh where the families differ: who answers for a VIP on the link, source addresses, what IPv6 needs and does not need.
// Runs in network namespaces of its own; what both families share is in install.test.ts.

import assert from 'node:assert/strict';
import { skipTest } from '../tools/skip.js';
import { cleanUp, connect, Host, missing } from './lab.js';
import { SYSCTLS, snapshot, sysctlPath } from './snapshot.js';

const VIPS = ['40.1.1.1', '2001:db8:40::1'] as const;
const VIP6 = VIPS[1];

describe('backends/linux/install.sh, both families', function () {
  this.timeout(60_000);
  let client: Host;
  let backend: Host;

  before(function () {
    const reason = missing();
    if (reason !== undefined) skipTest(this, reason);
  });

  beforeEach(() => {
    client = new Host('c');
    backend = new Host('b');
    connect(client, backend);
  });

  afterEach(() => cleanUp());

  function succeed(...args: string[]): string {
    const outcome = backend.install(...args);
    assert.equal(outcome.status, 0, outcome.stdout + outcome.stderr);
    return outcome.stdout;
  }

  /** Whether the backend tells its MAC address for `vip` when the client asks for it on the link. */
  function answers(vip: string): boolean {
    client.attempt('ip', 'route', 'add', vip, 'dev', 'eth0');
    client.run('ip', 'neigh', 'flush', 'dev', 'eth0');
    client.attempt('ping', '-c', '1', '-W', '1', vip);
    return client.run('ip', 'neigh', 'show', vip, 'dev', 'eth0').includes('lladdr');
  }

  it('hears an answer for a VIP on a backend that install.sh has not seen', () => {
    backend.run('ip', 'address', 'add', '40.1.1.1/32', 'dev', 'lo'); // ARP answers for every address of the host
    backend.run('ip', 'address', 'add', `${VIP6}/128`, 'dev', 'eth0', 'nodad'); // NDP for those of the device
    for (const vip of VIPS) assert.equal(answers(vip), true, vip);
  });

  for (const dispatch of ['ipip', 'l2']) {
    it(`answers neither ARP nor NDP for a VIP with dispatch ${dispatch}`, () => {
      const said = succeed('--vip', VIPS.join(','), '--dispatch', dispatch);
      assert.match(said, /^ndp +no answer on eth0 for 2001:db8:40::1$/m);
      for (const vip of VIPS) assert.equal(answers(vip), false, vip);
      for (const own of ['20.1.1.10', '2001:db8:20::10']) client.run('ping', '-c', '1', '-W', '2', own);
    });
  }

  it('takes and answers plain packets to a VIP with dispatch l2', () => {
    const routes = [
      [VIPS[0], '20.1.1.10'],
      [VIPS[1], '2001:db8:20::10'],
    ] as const;
    // By way of the backend's own address a frame looks as L2 dispatch makes it.
    for (const [vip, own] of routes) client.run('ip', 'route', 'add', vip, 'via', own);
    const reached = (vip: string): boolean => client.attempt('ping', '-c', '1', '-W', '1', vip).status === 0;
    assert.deepEqual(VIPS.map(reached), [false, false]);
    succeed('--vip', VIPS.join(','), '--dispatch', 'l2');
    assert.deepEqual(VIPS.map(reached), [true, true]);
    assert.equal(backend.uninstall().status, 0);
    assert.deepEqual(VIPS.map(reached), [false, false]);
  });

  it('names no VIP as sender when it asks for a neighbour', () => {
    succeed('--vip', VIPS.join(','));
    for (const [vip, own, neighbour] of [
      [VIPS[0], '20.1.1.10', '20.1.1.1'],
      [VIPS[1], '2001:db8:20::10', '2001:db8:20::1'],
    ] as const) {
      client.run('ip', 'route', 'add', vip, 'via', own);
      for (const host of [client, backend]) host.run('ip', 'neigh', 'flush', 'dev', 'eth0');
      backend.run('ping', '-c', '1', '-W', '2', '-I', vip, neighbour);
      // Who is asked keeps the sender's address and MAC.
      assert.match(client.run('ip', 'neigh', 'show', own), /lladdr/);
      assert.equal(client.run('ip', 'neigh', 'show', vip), '');
    }
  });

  it('refuses to be NDP proxy for a VIP, and status finds it later', () => {
    const entry = ['-6', 'neighbour', 'add', 'proxy', VIP6, 'dev', 'eth0'];
    backend.run('ip', ...entry);
    const before = snapshot(backend);
    const outcome = backend.install('--vip', VIP6);
    assert.equal(outcome.status, 1);
    assert.match(outcome.stderr, /NDP proxy for VIP 2001:db8:40::1 on eth0.*\n +Remove the entry: ip -6 neighbour del proxy/);
    assert.equal(snapshot(backend), before);
    backend.run('ip', '-6', 'neighbour', 'del', 'proxy', VIP6, 'dev', 'eth0');
    succeed('--vip', VIP6);
    assert.equal(backend.install('--status').status, 0);
    backend.run('ip', ...entry);
    const status = backend.install('--status');
    assert.equal(status.status, 1);
    assert.match(status.stdout, /^WRONG +this host is NDP proxy for 2001:db8:40::1 on eth0$/m);
  });

  it('says when an IPv6 VIP is gone from lo, and puts it back', () => {
    succeed('--vip', VIP6);
    backend.run('ip', 'address', 'del', `${VIP6}/128`, 'dev', 'lo');
    assert.match(backend.install('--status').stdout, /^MISSING +2001:db8:40::1 is not on lo$/m);
    assert.match(succeed('--vip', VIP6), /VIP 2001:db8:40::1\/128 added to lo/);
  });

  it('begins no connection of its own from a VIP', () => {
    // The host's address is on lo, as with routing on the host, and the VIP is nearer to the destination (RFC 6724, rule 8).
    backend.run('ip', 'address', 'del', '2001:db8:20::10/64', 'dev', 'eth0');
    backend.run('ip', 'address', 'add', '2001:db8:20::10/128', 'dev', 'lo');
    backend.run('ip', 'route', 'add', '2001:db8:40::/48', 'via', 'fe80::1', 'dev', 'eth0');
    succeed('--vip', VIP6);
    assert.match(backend.run('ip', 'route', 'get', '2001:db8:40::2'), / src 2001:db8:20::10 /);
  });

  it('needs no sysctl for IPv6 VIPs alone, and restores those that IPv4 VIPs needed', () => {
    const sysctls = (): string[] => SYSCTLS.map((name) => backend.run('cat', sysctlPath(name)).trim());
    succeed('--vip', VIP6);
    assert.deepEqual(sysctls(), ['0', '0', '0']);
    succeed('--vip', VIPS.join(','));
    assert.deepEqual(sysctls(), ['0', '1', '2']);
    succeed('--vip', VIP6);
    assert.deepEqual(sysctls(), ['0', '0', '0']);
  });

  it('reminds of the MTU for each family, until its routes say it', () => {
    assert.match(succeed('--vip', VIP6), /MTU of eth0 is 1500: full IPv6 .* 40 bytes.*\n.*1540.*advmss 1400/);
    backend.run('ip', '-6', 'route', 'add', 'default', 'via', 'fe80::1', 'dev', 'eth0', 'advmss', '1400');
    const both = succeed('--vip', VIPS.join(','));
    assert.match(both, /full IPv4/);
    assert.doesNotMatch(both, /full IPv6/);
  });

  it('serves an IPv4 VIP on a host that has IPv6 addresses alone', () => {
    backend.run('ip', 'address', 'del', '20.1.1.10/24', 'dev', 'eth0');
    assert.match(
      succeed('--vip', '40.1.1.1'),
      /tunnel packets to 2001:db8:20::10 for 40\.1\.1\.1; [\s\S]* 40 bytes.*\n.*1540.*advmss 1420/,
    );
  });

  it('refuses IPv6 VIPs where IPv6 is off or the host has no IPv6 address, and changes nothing', () => {
    backend.run('ip', 'address', 'del', '2001:db8:20::10/64', 'dev', 'eth0');
    const before = snapshot(backend);
    const none = backend.install('--vip', VIPS.join(','));
    assert.equal(none.status, 1);
    assert.match(none.stderr, /no IPv6 address besides the VIPs/);
    assert.equal(snapshot(backend), before);
    // A link-local address is enough where nothing is wrapped.
    succeed('--vip', VIPS.join(','), '--dispatch', 'l2');
    backend.uninstall();
    for (const device of ['lo', 'eth0']) {
      backend.run('sh', '-c', `echo 1 > /proc/sys/net/ipv6/conf/${device}/disable_ipv6`);
      const off = backend.install('--vip', VIP6);
      assert.equal(off.status, 3);
      assert.match(off.stderr, new RegExp(`IPv6 is off on ${device}.*\\n.*sysctl net.ipv6.conf.${device}.disable_ipv6=0`));
      backend.run('sh', '-c', `echo 0 > /proc/sys/net/ipv6/conf/${device}/disable_ipv6`);
    }
  });
});
