// Many flows, weights and timeouts, with flows made by UDP datagrams: one for each source port of the client.
// Imports the lab and its siblings. Needs root, native XDP and a current dist/.

import assert from 'node:assert/strict';
import type { StatusView } from '../../agent/model/views.js';
import { type AgentProcess, startAgent } from '../../samples/founding-lab/agent-process.js';
import { runCommand } from '../../samples/founding-lab/command.js';
import type { Lab } from '../../samples/founding-lab/lab.js';
import { openUdpFlows } from '../../samples/founding-lab/udp.js';
import { endpoints, openSetting, readFlows, readStatus, requireRoot, SNAT, SUITE_TIMEOUT, waitFor } from './support/setting.js';

const SOURCES = ['20.1.1.100', '20.1.1.101'];
const WEIGHTS = [1, 2, 3, 4];
/** The long run (npm run test:long) has more than 100,000 flows. */
const LONG = process.env.FAIRLEAD_LONG === '1';
const LEAST = LONG ? 100_000 : 20_000;
const PORTS = [10_001, LONG ? 61_000 : 20_500] as const;
/** Of 20,000 flows a tenth is 2000 with a standard deviation of 42, of 100,000 it is 10,000 with 95: five of them. */
const MOST_OFF = LONG ? 0.05 : 0.11;

function packetsOf(status: StatusView, reason: string): number {
  return status.counters.find(({ name }) => name === reason)?.packets ?? 0;
}

describe('flows end to end', function () {
  this.timeout(SUITE_TIMEOUT);
  let lab: Lab;
  let agent: AgentProcess;

  before(async function () {
    requireRoot(this);
    // A flow of one datagram must not end while 100,000 others begin on a slow machine.
    ({ lab, agent } = await openSetting({ backends: 4, web: false }, [...SNAT, '--timeout-udp=600']));
    await runCommand(['ip', '-n', lab.host('client').namespace, 'addr', 'add', `${SOURCES[1]}/24`, 'dev', 'eth0']);
    // Two ports of each backend, as towards one there are 31,744 SNAT ports.
    const backends = `${endpoints(lab, 9)},${endpoints(lab, 10)}`;
    const weights = [...WEIGHTS, ...WEIGHTS].join(',');
    await agent.must(`service update --id=1 --frontend=${lab.vip}:9/udp --backends=${backends} --backend-weights=${weights}`);
  });
  after(async () => lab?.remove());

  it(`streams more than ${LEAST} flows, as many as began, and spreads them by weight`, async () => {
    const before = packetsOf(await readStatus(agent), 'snat_request');
    const sent = await openUdpFlows(lab, { sources: SOURCES, ports: PORTS, port: 9 });
    assert.equal(sent, SOURCES.length * (PORTS[1] - PORTS[0] + 1));
    // One datagram a flow: the program's own counter says how many have reached it.
    const begun = packetsOf(await readStatus(agent), 'snat_request') - before;
    const flows = await readFlows(agent, 1);
    // A flow of one datagram gives way before the table is full, when all slots that a new one may have are taken: three in a thousand at 39 % of it.
    assert.ok(flows.length <= begun && flows.length >= begun * 0.995, `${flows.length} of ${begun} flows`);
    assert.ok(begun > LEAST, `${begun} flows`);
    assert.equal(new Set(flows.map((flow) => `${flow.source} ${flow.sourcePort}`)).size, flows.length);
    const total = WEIGHTS.reduce((sum, weight) => sum + weight, 0);
    for (const [index, { address }] of lab.backends.entries()) {
      const share = flows.filter((flow) => flow.backend === address).length / flows.length;
      const wanted = (WEIGHTS[index] ?? 0) / total;
      assert.ok(Math.abs(share / wanted - 1) < MOST_OFF, `${address} has ${share} of the flows, its weight is ${wanted}`);
    }
  });

  it('adopts them all, and lets them end by their timeout', async () => {
    await agent.kill();
    agent = await startAgent(lab, [...SNAT, '--timeout-udp=600']);
    assert.ok((await readStatus(agent)).flows.entries > LEAST, agent.startOutput);
    await agent.kill();
    agent = await startAgent(lab, [...SNAT, '--timeout-udp=1']);
    const left = async () => ((await readFlows(agent, 1)).length === 0 ? true : undefined);
    await waitFor('the end of all flows', left, 10_000);
    assert.equal((await readStatus(agent)).services, 1);
    const sent = await openUdpFlows(lab, { sources: SOURCES, ports: [20_001, 20_050], port: 9 });
    const begun = (await readFlows(agent, 1)).length;
    assert.ok(begun > 0 && begun <= sent, `${begun} flows of ${sent} datagrams`);
    await waitFor('the end of the new flows', left, 10_000);
    await waitFor('no flow to be counted', async () => ((await readStatus(agent)).flows.entries === 0 ? true : undefined), 10_000);
  });
});
