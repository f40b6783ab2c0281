// End to end in two network namespaces: a client whose packets are wrapped in IPIP (encap_tc.c), a backend made by install.sh.
// Real TCP both ways with bulk data, segmentation offload on and off, both hooks; stray tunnel packets passed and dropped.

import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { VIP } from './decap-cases.js';
import { cleanUp, compile, connect, HERE, Host, makeFolder, makePinFolder, missing, onCleanUp, run, statusCounter } from './lab.js';
import { skipTest } from '../tools/skip.js';

const BULK = 3_000_000;

/** Answers each connection with the SHA-256 and then a copy of all that it got. */
const SERVER = `
  const net = require('node:net'); const { createHash } = require('node:crypto');
  net.createServer({ allowHalfOpen: true }, (socket) => {
    const parts = [];
    socket.on('data', (part) => parts.push(part));
    socket.on('error', () => {});
    socket.on('end', () => { const all = Buffer.concat(parts); socket.end(createHash('sha256').update(all).digest('hex') + all.toString('latin1'), 'latin1'); });
  }).listen(80, '${VIP}', () => console.log('ready'));`;

/** Sends BULK bytes to the VIP, prints whether digest and echo are right. */
const CLIENT = `
  const net = require('node:net'); const { createHash, randomBytes } = require('node:crypto');
  const sent = randomBytes(${BULK}); const parts = [];
  const socket = net.connect(80, '${VIP}', () => socket.end(sent));
  socket.setTimeout(15000, () => { console.log('timeout'); process.exit(1); });
  socket.on('error', (error) => { console.log(error.message); process.exit(1); });
  socket.on('data', (part) => parts.push(part));
  socket.on('end', () => {
    const all = Buffer.concat(parts);
    const right = all.subarray(0, 64).toString() === createHash('sha256').update(sent).digest('hex') && all.subarray(64).equals(sent);
    console.log(right ? 'right' : 'wrong: ' + all.length + ' bytes'); process.exit(right ? 0 : 1);
  });`;

const PROBE = `
  const answer = (text) => { process.stdout.write(text); process.exit(0); };
  require('node:net').connect(80, '${VIP}').on('connect', () => answer('connected')).on('error', () => answer('no connection'));
  setTimeout(() => answer('no connection'), 1500);`;

/** One IPIP packet to the backend whose inner destination is no VIP. */
const STRAY = `
import socket, struct
def header(source, target, protocol, length):
    return struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + length, 1, 0, 64, protocol, 0, socket.inet_aton(source), socket.inet_aton(target))
inner = header('20.1.1.1', '40.9.9.9', 17, 8) + struct.pack('!HHHH', 1, 2, 8, 0)
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, 4)
raw.sendto(inner, ('20.1.1.10', 0))
`;

/** What the kernel of the backend counted as packets of a protocol that it does not know. */
function unknownProtocols(host: Host): number {
  const [names, values] = host
    .run('cat', '/proc/net/snmp')
    .split('\n')
    .filter((line) => line.startsWith('Ip: '))
    .map((line) => line.split(' '));
  return Number(values?.[names?.indexOf('InUnknownProtos') ?? -1]);
}

async function startServer(host: Host): Promise<ChildProcess> {
  const [command, args] = host.enter(process.execPath, ['-e', SERVER]);
  const server = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  onCleanUp(() => server.kill('SIGKILL'));
  await once(server.stdout, 'data');
  return server;
}

describe('backends/linux: IPIP traffic', function () {
  this.timeout(60_000);
  let client: Host;
  let backend: Host;
  let server: ChildProcess | undefined;

  before(function () {
    const reason = missing();
    if (reason !== undefined) skipTest(this, reason);
    client = new Host('c');
    backend = new Host('b');
    connect(client, backend);
    const pins = makePinFolder('encap');
    // Loaded by bpftool: tc itself would leave folders of its own on the BPF file system.
    const object = compile(path.join(HERE, 'encap_tc.c'), makeFolder(), '-DVIP=0x28010101', '-DBACKEND=0x1401010a', '-DCLIENT=0x14010101');
    run('bpftool', 'prog', 'load', object, `${pins}/program`);
    client.run('tc', 'qdisc', 'add', 'dev', 'eth0', 'clsact');
    client.run('tc', 'filter', 'add', 'dev', 'eth0', 'egress', 'bpf', 'direct-action', 'pinned', `${pins}/program`);
    // The route leaves room for the outer header.
    client.run('ip', 'route', 'add', `${VIP}/32`, 'via', '20.1.1.10', 'mtu', '1480');
  });

  afterEach(() => {
    server?.kill('SIGKILL');
    server = undefined;
    backend.uninstall();
  });

  after(() => cleanUp());

  it('does not reach a backend without the decapsulator', async () => {
    backend.install('--vip', VIP, '--dispatch', 'l2');
    server = await startServer(backend);
    assert.equal(client.attempt(process.execPath, '-e', PROBE).stdout, 'no connection');
  });

  for (const hook of ['tc', 'xdp'] as const) {
    for (const offload of ['on', 'off'] as const) {
      it(`carries TCP through ${hook}, segmentation and checksum offload ${offload}`, async () => {
        for (const feature of ['tx', 'tso', 'gso']) client.attempt('ethtool', '-K', 'eth0', feature, offload);
        const installed = backend.install('--vip', VIP, '--hook', hook);
        assert.equal(installed.status, 0, installed.stderr);
        server = await startServer(backend);
        const answer = client.attempt(process.execPath, '-e', CLIENT);
        assert.equal(answer.stdout.trim(), 'right', answer.stderr);
        const status = backend.install('--status').stdout;
        const frames = statusCounter(status, 'decapsulated');
        // With offload, frames reach the decapsulator as buffers of many segments; without, each segment is a frame.
        const segments = BULK / 1428;
        assert.ok(hook === 'tc' && offload === 'on' ? frames > 20 && frames < segments / 2 : frames > segments, status);
        assert.equal(statusCounter(status, 'kernel_refused'), 0, status);
        assert.equal(statusCounter(status, 'inner_malformed'), 0, status);
      });
    }

    for (const other of ['pass', 'drop'] as const) {
      it(`${hook}: a tunnel packet for no VIP meets other=${other}`, () => {
        assert.equal(backend.install('--vip', VIP, '--hook', hook, '--other', other).status, 0);
        const before = unknownProtocols(backend);
        client.run('python3', '-c', STRAY);
        assert.equal(statusCounter(backend.install('--status').stdout, 'inner_not_vip'), 1);
        assert.equal(unknownProtocols(backend) - before, other === 'pass' ? 1 : 0);
        client.run('ping', '-c', '1', '-W', '2', '20.1.1.10');
      });
    }
  }
});
