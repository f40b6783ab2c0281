// QUIC by server id, end to end: datagrams with a short header, made by hand, reach the backend that their connection id names from any address.
// Imports the lab and its siblings. Needs root, native XDP and a current dist/.

import assert from 'node:assert/strict';
import type { AgentProcess } from '../../samples/founding-lab/agent-process.js';
import type { Lab } from '../../samples/founding-lab/lab.js';
import { startUdpEcho } from '../../samples/founding-lab/udp.js';
import { frontendOf } from './support/family.js';
import { endpoints, openSetting, requireRoot, SNAT, SUITE_TIMEOUT } from './support/setting.js';

const SOCKETS = 24;
/** Sends one datagram from each of many sockets, on ports from `port` on, and prints the first word of each answer. */
const client = (address: string, payload: string, port: number): string => `
  const { createSocket } = require('node:dgram');
  let left = ${SOCKETS};
  const done = () => { if (--left === 0) process.exit(0); };
  for (let i = 0; i < ${SOCKETS}; i++) {
    const socket = createSocket('${address.includes(':') ? 'udp6' : 'udp4'}');
    socket.on('message', (answer) => { console.log(answer.toString('latin1').split(' ')[0]); socket.close(); done(); });
    socket.bind(${port} + i, () => socket.send(Buffer.from('${payload}', 'hex'), 5353, '${address}'));
  }
  setTimeout(() => process.exit(1), 5000);`;

describe('QUIC server ids end to end', function () {
  this.timeout(SUITE_TIMEOUT);
  let lab: Lab;
  let agent: AgentProcess;

  before(async function () {
    requireRoot(this);
    ({ lab, agent } = await openSetting({ backends: 3 }, SNAT));
  });
  after(async () => lab?.remove());

  for (const family of [4, 6] as const) {
    it(`send every tuple with a backend's id to that backend, and others by the tuple (IPv${family})`, async () => {
      const to = endpoints(lab, 5353, lab.backends, family);
      const flags = '--quic-server-id=2 --backend-quic-ids=0a01,0a02,0A03';
      await agent.must(`service update --id=${family} --frontend=${frontendOf(lab, family, 5353, 'udp')} --backends=${to} ${flags}`);
      const echoes = await startUdpEcho(lab, 5353);
      let port = 20_000;
      const answers = async (serverId: string): Promise<readonly string[]> => {
        // Never a port that was asked from before: a tuple that has a flow stays with its backend.
        const script = client(lab.vipOf(family), `4b48${serverId}${'5a'.repeat(24)}`, port);
        port += SOCKETS;
        return (await lab.host('client').run(['node', '-e', script])).stdout.trim().split('\n');
      };
      for (const [index, serverId] of ['0a01', '0a02', '0a03'].entries()) {
        assert.deepEqual(await answers(serverId), Array(SOCKETS).fill(lab.backends[index]?.name), serverId);
      }
      assert.equal(new Set(await answers('0a04')).size, 3);
      await Promise.all(echoes.map((echo) => echo.stop()));
    });
  }
});
