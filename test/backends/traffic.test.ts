// End to end in two network namespaces: a client whose packets are wrapped (encap_tc.c), a backend made by install.sh.
// Real TCP both ways with bulk data for each pair of families, segmentation offload on and off, both hooks; stray tunnel packets
// passed and dropped.

import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { PAIRS, VIP } from './decap-cases.js';
import { addressBytes, type Family } from './frames.js';
import {
  BACKENDS,
  cleanUp,
  compile,
  connect,
  HERE,
  Host,
  makeFolder,
  makePinFolder,
  missing,
  onCleanUp,
  run,
  statusCounter,
} from './lab.js';
import { skipTest } from '../tools/skip.js';

const BULK = 3_000_000;

/** Answers each connection with the SHA-256 and then a copy of all that it got. */
const server = (vip: string): string => `
  const net = require('node:net'); const { createHash } = require('node:crypto');
  net.createServer({ allowHalfOpen: true }, (socket) => {
    const parts = [];
    socket.on('data', (part) => parts.push(part));
    socket.on('error', () => {});
    socket.on('end', () => { const all = Buffer.concat(parts); socket.end(createHash('sha256').update(all).digest('hex') + all.toString('latin1'), 'latin1'); });
  }).listen(80, '${vip}', () => console.log('ready'));`;

/** Sends BULK bytes to the VIP, prints whether digest and echo are right. */
const client = (vip: string): string => `
  const net = require('node:net'); const { createHash, randomBytes } = require('node:crypto');
  const sent = randomBytes(${BULK}); const parts = [];
  const socket = net.connect(80, '${vip}', () => socket.end(sent));
  socket.setTimeout(15000, () => { console.log('timeout'); process.exit(1); });
  socket.on('error', (error) => { console.log(error.message); process.exit(1); });
  socket.on('data', (part) => parts.push(part));
  socket.on('end', () => {
    const all = Buffer.concat(parts);
    const right = all.subarray(0, 64).toString() === createHash('sha256').update(sent).digest('hex') && all.subarray(64).equals(sent);
    console.log(right ? 'right' : 'wrong: ' + all.length + ' bytes'); process.exit(right ? 0 : 1);
  });`;

const probe = (vip: string): string => `
  const answer = (text) => { process.stdout.write(text); process.exit(0); };
  require('node:net').connect(80, '${vip}').on('connect', () => answer('connected')).on('error', () => answer('no connection'));
  setTimeout(() => answer('no connection'), 1500);`;

/** One tunnel packet to the backend whose inner destination is no VIP. */
const STRAY: Record<Family, string> = {
  4: `
import socket, struct
def header(source, target, protocol, length):
    return struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + length, 1, 0, 64, protocol, 0, socket.inet_aton(source), socket.inet_aton(target))
inner = header('20.1.1.1', '40.9.9.9', 17, 8) + struct.pack('!HHHH', 1, 2, 8, 0)
socket.socket(socket.AF_INET, socket.SOCK_RAW, 4).sendto(inner, ('20.1.1.10', 0))
`,
  6: `
import socket, struct
address = lambda text: socket.inet_pton(socket.AF_INET6, text)
inner = struct.pack('!IHBB', 6 << 28, 8, 17, 64) + address('2001:db8:20::1') + address('2001:db8:99::9') + struct.pack('!HHHH', 1, 2, 8, 0)
socket.socket(socket.AF_INET6, socket.SOCK_RAW, 41).sendto(inner, ('2001:db8:20::10', 0))
`,
};

/** What the kernel of the backend counted as packets of a protocol that it does not know. */
function unknownProtocols(host: Host, family: Family): number {
  if (family === 6) return Number(/Ip6InUnknownProtos\s+(\d+)/.exec(host.run('cat', '/proc/net/snmp6'))?.[1]);
  const [names, values] = host
    .run('cat', '/proc/net/snmp')
    .split('\n')
    .filter((line) => line.startsWith('Ip: '))
    .map((line) => line.split(' '));
  return Number(values?.[names?.indexOf('InUnknownProtos') ?? -1]);
}

async function startServer(host: Host, vip: string): Promise<ChildProcess> {
  const [command, args] = host.enter(process.execPath, ['-e', server(vip)]);
  const started = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  onCleanUp(() => started.kill('SIGKILL'));
  await once(started.stdout, 'data');
  return started;
}

const bytesAsMacro = (name: string, address: string): string => `-D${name}=${[...addressBytes(address)].join(',')}`;
const CLIENT_ADDRESS: Record<Family, string> = { 4: '20.1.1.1', 6: '2001:db8:20::1' };
const BACKEND_ADDRESS: Record<Family, string> = { 4: '20.1.1.10', 6: '2001:db8:20::10' };

for (const [outer, inner] of PAIRS) {
  describe(`backends/linux: traffic, IPv${inner} in IPv${outer}`, function () {
    this.timeout(60_000);
    const vip = VIP[inner];
    const outerHeader = outer === 4 ? 20 : 40;
    let front: Host;
    let backend: Host;
    let running: ChildProcess | undefined;

    before(function () {
      const reason = missing();
      if (reason !== undefined) skipTest(this, reason);
      front = new Host('c');
      backend = new Host('b');
      connect(front, backend);
      const pins = makePinFolder('encap');
      // Loaded by bpftool: tc itself would leave folders of its own on the BPF file system.
      const object = compile(
        path.join(HERE, 'encap_tc.c'),
        makeFolder(),
        `-DOUTER=${outer}`,
        `-DINNER=${inner}`,
        bytesAsMacro('VIP', vip),
        bytesAsMacro('BACKEND', BACKEND_ADDRESS[outer]),
        bytesAsMacro('CLIENT', CLIENT_ADDRESS[outer]),
      );
      run('bpftool', 'prog', 'load', object, `${pins}/program`);
      front.run('tc', 'qdisc', 'add', 'dev', 'eth0', 'clsact');
      front.run('tc', 'filter', 'add', 'dev', 'eth0', 'egress', 'bpf', 'direct-action', 'pinned', `${pins}/program`);
      // The route leaves room for the outer header.
      front.run('ip', 'route', 'add', vip, 'via', BACKEND_ADDRESS[inner], 'mtu', String(1500 - outerHeader));
    });

    afterEach(() => {
      running?.kill('SIGKILL');
      running = undefined;
      backend.uninstall();
    });

    after(() => cleanUp());

    it('does not reach a backend without the decapsulator', async () => {
      backend.install('--vip', vip, '--dispatch', 'l2');
      running = await startServer(backend, vip);
      assert.equal(front.attempt(process.execPath, '-e', probe(vip)).stdout, 'no connection');
    });

    if (outer !== inner) {
      it('carries TCP through tc on the way that it takes on a kernel before 6.3', async () => {
        for (const feature of ['tx', 'tso', 'gso']) front.attempt('ethtool', '-K', 'eth0', feature, 'on');
        const object = compile(path.join(BACKENDS, 'decap_tc.c'), makeFolder(), '-DDECAP_F_TO_IPV4=(1ULL<<63)');
        assert.equal(backend.install('--vip', vip, '--object', object).status, 0);
        running = await startServer(backend, vip);
        assert.equal(front.attempt(process.execPath, '-e', client(vip)).stdout.trim(), 'right');
        assert.equal(statusCounter(backend.install('--status').stdout, 'kernel_refused'), 0);
      });
    }

    for (const hook of ['tc', 'xdp'] as const) {
      for (const offload of ['on', 'off'] as const) {
        it(`carries TCP through ${hook}, segmentation and checksum offload ${offload}`, async () => {
          for (const feature of ['tx', 'tso', 'gso']) front.attempt('ethtool', '-K', 'eth0', feature, offload);
          const installed = backend.install('--vip', vip, '--hook', hook);
          assert.equal(installed.status, 0, installed.stderr);
          running = await startServer(backend, vip);
          const answer = front.attempt(process.execPath, '-e', client(vip));
          assert.equal(answer.stdout.trim(), 'right', answer.stderr);
          const status = backend.install('--status').stdout;
          const frames = statusCounter(status, 'decapsulated');
          // With offload, frames reach the decapsulator as buffers of many segments; without, each segment is a frame.
          const segments = BULK / (1500 - outerHeader - (inner === 4 ? 52 : 72));
          assert.ok(hook === 'tc' && offload === 'on' ? frames > 20 && frames < segments / 2 : frames > segments, status);
          assert.equal(statusCounter(status, 'kernel_refused'), 0, status);
          assert.equal(statusCounter(status, 'inner_malformed'), 0, status);
        });
      }

      for (const other of ['pass', 'drop'] as const) {
        // IPv4 in IPv6 needs no stray packet of its own: what becomes of it is decided by the same line.
        if (outer !== inner) continue;
        it(`${hook}: a tunnel packet for no VIP meets other=${other}`, () => {
          assert.equal(backend.install('--vip', vip, '--hook', hook, '--other', other).status, 0);
          const before = unknownProtocols(backend, outer);
          front.run('python3', '-c', STRAY[outer]);
          assert.equal(statusCounter(backend.install('--status').stdout, 'inner_not_vip'), 1);
          assert.equal(unknownProtocols(backend, outer) - before, other === 'pass' ? 1 : 0);
          front.run('ping', '-c', '1', '-W', '2', BACKEND_ADDRESS[outer]);
        });
      }
    }
  });
}
