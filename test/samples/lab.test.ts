// The lab: its network is the founding document's, and nothing of it stays, however its process ends.
// Imports samples/founding-lab. Needs root and network namespaces.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { formatEndpoint } from '../../agent/model/format.js';
import { labFolder, processIdentity, removeDeadLabs, removeLabTraces } from '../../samples/founding-lab/cleanup.js';
import { createLab, type Lab } from '../../samples/founding-lab/lab.js';
import { startLoad } from '../../samples/founding-lab/loader.js';
import { FAMILIES, planLab } from '../../samples/founding-lab/options.js';
import { askUdp, openUdpFlows, startUdpEcho } from '../../samples/founding-lab/udp.js';
import { skipTest } from '../tools/skip.js';

/** What there is of a lab: namespaces, folder, processes whose command line names it. */
function traces(name: string): string[] {
  const namespaces = existsSync('/run/netns') ? readdirSync('/run/netns').filter((entry) => entry.startsWith(`${name}-`)) : [];
  const folder = existsSync(labFolder(name)) ? [labFolder(name)] : [];
  return [...namespaces, ...folder];
}

async function waitUntilGone(name: string): Promise<void> {
  for (let waited = 0; waited < 8000 && traces(name).length > 0; waited += 50) await sleep(50);
}

function requireRoot(context: Mocha.Context): void {
  if (process.getuid?.() !== 0) skipTest(context, 'needs root for network namespaces');
}

describe('the founding lab', () => {
  let lab: Lab;

  before(async function () {
    requireRoot(this);
    this.timeout(60_000);
    lab = await createLab({ backends: 2, secondClient: true });
  });
  after(async () => lab?.remove());

  for (const family of FAMILIES) {
    it(`IPv${family}: has every backend answer with its own page`, async () => {
      for (const backend of lab.backends) {
        const url = `http://${formatEndpoint({ address: backend.addressOf(family), port: 8080 })}/`;
        const { stdout } = await lab.host('client').run(['curl', '-sS', url]);
        assert.equal(stdout, `${backend.name} ${backend.address}\n`);
      }
    });

    it(`IPv${family}: has clients route the VIP to the LB, each by its own device of it`, async () => {
      const ask = (name: string) => lab.host(name).run(['ip', 'route', 'get', lab.vipOf(family)]);
      const lines = await Promise.all(['client', 'client2'].map(ask));
      const [first, second] = family === 4 ? ['20.1.1.1', '30.1.1.1'] : ['2001:db8:20::1', '2001:db8:30::1'];
      assert.ok(lines[0]?.stdout.includes(`via ${first} dev eth0`), lines[0]?.stdout);
      assert.ok(lines[1]?.stdout.includes(`via ${second} dev eth0`), lines[1]?.stdout);
    });

    it(`IPv${family}: has the LB forward between its two networks`, async () => {
      const reached = await lab.host('client2').run(['ping', '-c1', '-W2', lab.host('backend1').addressOf(family)], { check: false });
      assert.equal(reached.status, 0, reached.stdout);
    });

    it(`IPv${family}: carries a packet with an outer header to a backend, and no such packet to a client or from a backend`, async () => {
      const size = { 4: 1520, 6: 1540 }[family];
      const sized = (host: string, to: string) => {
        const payload = size - { 4: 28, 6: 48 }[family];
        return lab.host(host).run(['ping', '-c1', '-W1', '-Mdo', '-s', `${payload}`, lab.host(to).addressOf(family)], { check: false });
      };
      assert.equal((await sized('lb', 'backend1')).status, 0, `${size} bytes of IP packet to a backend`);
      assert.notEqual((await sized('lb', 'client')).status, 0, `${size} bytes of IP packet to the client`);
      assert.notEqual((await sized('backend1', 'client')).status, 0, `${size} bytes of IP packet from a backend`);
    });

    it(`IPv${family}: counts a load by backend`, async () => {
      const url = `http://${formatEndpoint({ address: lab.host('backend2').addressOf(family), port: 80 })}/big`;
      const good = await (await startLoad(lab, { url, requests: 10, workers: 2, digest: lab.bigFileDigest })).done;
      assert.deepEqual([good.requests, good.ok, good.failures, good.backends], [10, 10, {}, { backend2: 10 }]);
      assert.equal(good.bytes, 10 * 1024 * 1024);
    });

    it(`IPv${family}: echoes UDP by the backend that was asked, and from no other address`, async () => {
      const servers = await startUdpEcho(lab, 5353);
      const asked = { port: 5353, sockets: 3, datagrams: 2 };
      const address = lab.host('backend1').addressOf(family);
      assert.deepEqual(await askUdp(lab, { ...asked, address }), { sent: 6, answered: 6, backends: { backend1: 6 }, moved: 0 });
      assert.equal((await askUdp(lab, { ...asked, address: lab.vipOf(family), timeout: 100 })).answered, 0);
      await Promise.all(servers.map((server) => server.stop()));
    });

    it(`IPv${family}: sends a datagram from each address and port that was named`, async () => {
      const sources = [lab.host('client').addressOf(family)];
      const flows = { sources, ports: [26000, 26002], port: 9, address: lab.host('backend1').addressOf(family) } as const;
      assert.equal(await openUdpFlows(lab, flows), 3);
    });
  }

  it('is up with all its IPv6 addresses at once: none is being checked for duplicates', async () => {
    for (const host of lab.hosts) {
      const { stdout } = await host.run(['ip', '-6', '-br', 'addr', 'show', 'dev', 'eth0']);
      assert.ok(stdout.includes(`${host.addressOf(6)}/64`) && stdout.includes('fe80::'), stdout);
      assert.equal((await host.run(['ip', '-6', 'addr', 'show', 'tentative'])).stdout, '');
    }
  });

  it('names what clients ask for', () => {
    assert.equal(lab.url(4), 'http://40.1.1.1/');
    assert.equal(lab.url(6, { port: 81, path: '/big' }), 'http://[2001:db8:40::1]:81/big');
    assert.equal(lab.url(6, { port: 8080 }), 'http://[2001:db8:40::1]:8080/');
    assert.deepEqual([lab.vip, lab.vipOf(6)], ['40.1.1.1', '2001:db8:40::1']);
  });

  it('has no way out: no default route, no device of the machine', async () => {
    for (const host of lab.hosts) {
      for (const family of ['-4', '-6']) assert.equal((await host.run(['ip', family, 'route', 'show', 'default'])).stdout, '');
      const devices = (await host.run(['ip', '-br', 'link'])).stdout.split('\n').filter(Boolean);
      for (const line of devices) assert.match(line, /^(lo|eth0@|eth1@)/);
    }
  });

  it('counts a wrong content as a failure', async () => {
    const wrong = await (await startLoad(lab, { url: 'http://20.1.1.20/big', requests: 3, digest: '00' })).done;
    assert.deepEqual([wrong.ok, wrong.failed, wrong.failures], [0, 3, { content: 3 }]);
  });

  it('counts requests that nobody answers as timeouts', async () => {
    // The LB has no agent here: requests to the VIP find no route.
    const report = await (await startLoad(lab, { requests: 2, workers: 2, timeout: 300 })).done;
    assert.equal(report.ok, 0);
    assert.equal(report.failed, 2);
    assert.ok(report.longest < 2000, `${report.longest} ms`);
  });

  it('names what failed, with the command to start by hand', async () => {
    await assert.rejects(lab.host('client').run(['curl', '-sS', '-m', '1', 'http://20.1.1.10:81/']), /curl .*ended with 7: curl: \(7\)/);
    assert.throws(() => lab.host('backend9'), /no host 'backend9'/);
  });
});

describe('the end of a lab', function () {
  this.timeout(60_000);
  before(function () {
    requireRoot(this);
  });

  it('remove() leaves nothing, and a second call is no error', async () => {
    const lab = await createLab({ backends: 1 });
    assert.ok(traces(lab.name).length >= 5);
    await lab.remove();
    assert.deepEqual(traces(lab.name), []);
    await lab.remove();
  });

  it('ends programs that run in it, and removes pins and sockets under its name', async () => {
    const lab = await createLab({ backends: 1, web: false });
    const sleeper = lab.host('client').spawn(['sleep', '1000']);
    const ended = once(sleeper, 'exit');
    const pins = [`/sys/fs/bpf/fairlead/${lab.name}/maps-1`, `/sys/fs/bpf/fairlead/${lab.name}-other`];
    for (const folder of pins) mkdirSync(folder, { recursive: true });
    mkdirSync('/run/fairlead', { recursive: true });
    const files = [`${lab.name}.lock`, `${lab.name}-two.sock`].map((name) => `/run/fairlead/${name}`);
    const other = `/run/fairlead/${lab.name}other.sock`;
    for (const file of [...files, other]) writeFileSync(file, '');
    await lab.remove();
    await ended;
    assert.deepEqual([...pins, ...files].filter(existsSync), []);
    assert.ok(existsSync(other), 'what another has stays');
    rmSync(other);
  });

  for (const signal of ['SIGKILL', 'SIGTERM', 'SIGINT'] as const) {
    it(`leaves nothing when its process ends by ${signal}`, async () => {
      const name = `flt${process.pid}${signal.toLowerCase()}`;
      const script = fileURLToPath(new URL('support/lab-owner.ts', import.meta.url));
      const owner: ChildProcess = spawn(process.execPath, ['--import', 'tsx', script, name], { stdio: ['ignore', 'pipe', 'inherit'] });
      try {
        const [line] = (await once(owner.stdout!, 'data')) as [Buffer];
        assert.equal(line.toString().trim(), name);
        assert.ok(traces(name).length >= 5);
      } finally {
        owner.kill(signal);
      }
      await once(owner, 'exit');
      await waitUntilGone(name);
      assert.deepEqual(traces(name), []);
    });
  }

  it('comes at the next start when the watchdog died too', () => {
    const dead = `fltd${process.pid}`;
    const alive = `flta${process.pid}`;
    try {
      for (const [name, owner] of [
        [dead, '4194304 1'],
        [alive, processIdentity(process.pid) ?? ''],
      ] as const) {
        mkdirSync(labFolder(name), { recursive: true });
        writeFileSync(`${labFolder(name)}/owner`, owner);
      }
      assert.ok(removeDeadLabs().includes(dead));
      assert.deepEqual([existsSync(labFolder(dead)), existsSync(labFolder(alive))], [false, true]);
    } finally {
      removeLabTraces(alive);
      removeLabTraces(dead);
    }
  });

  it('comes at once when the lab cannot be built', async () => {
    const name = `fltf${process.pid}`;
    await assert.rejects(createLab({ name, backends: ['20.1.1.10', 'nonsense'] }), /nonsense/);
    assert.deepEqual(traces(name), []);
  });
});

describe('the plan of a lab', () => {
  it('is the founding document by default, in both families', () => {
    const plan = planLab({ name: 'x' });
    const addresses = (family: 4 | 6) => plan.hosts.map((host) => host.links[0]?.addresses[family]);
    assert.deepEqual(addresses(4), ['20.1.1.100', '20.1.1.1', '20.1.1.10', '20.1.1.20', '20.1.1.30', '20.1.1.40']);
    assert.deepEqual(
      addresses(6),
      ['100', '1', '10', '20', '30', '40'].map((last) => `2001:db8:20::${last}`),
    );
    assert.deepEqual(plan.hosts[0]?.routes, [
      { to: '40.1.1.1/32', via: '20.1.1.1' },
      { to: '2001:db8:40::1/128', via: '2001:db8:20::1' },
    ]);
  });

  it('never gives a backend the address of another host', () => {
    for (const family of FAMILIES) {
      const addresses = planLab({ name: 'x', backends: 24 }).hosts.map((host) => host.links[0]?.addresses[family]);
      assert.equal(new Set(addresses).size, 26);
    }
  });

  it('refuses what cannot be', () => {
    assert.throws(() => planLab({ name: 'x', backends: 25 }), /25 backends/);
    assert.throws(() => planLab({ name: 'x/../y' }), /lab name/);
  });
});
