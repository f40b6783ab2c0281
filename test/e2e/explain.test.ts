// `explain` end to end: what it says of a flow is what becomes of it, the program proves it, and nothing of that is seen in the live maps.
// Imports the lab and its siblings. Needs root, native XDP and a current dist/.

import assert from 'node:assert/strict';
import type { Family } from '../../agent/model/address.js';
import type { ExplanationView } from '../../agent/model/explanation.js';
import { formatEndpoint } from '../../agent/model/format.js';
import type { AgentProcess } from '../../samples/founding-lab/agent-process.js';
import type { Lab } from '../../samples/founding-lab/lab.js';
import { openUdpFlows } from '../../samples/founding-lab/udp.js';
import { frontendOf, localPortOf, serviceIdOf, TESTED_FAMILIES } from './support/family.js';
import { LONG_FILE_BYTES, startLongDownload } from './support/long-download.js';
import { openSetting, readFlows, readStatus, requireRoot, SUITE_TIMEOUT, setService } from './support/setting.js';
import { getPage } from './support/traffic.js';

/** So few that a flood of some hundred flows fills the tables. */
const SMALL = ['--max-flows=128', '--snat-range=20000-20255'];

describe('explain end to end', function () {
  this.timeout(SUITE_TIMEOUT);
  let lab: Lab;
  let agent: AgentProcess;

  before(async function () {
    requireRoot(this);
    ({ lab, agent } = await openSetting({ backends: 3, bigFileBytes: LONG_FILE_BYTES }, ['--bpf-lb-mode=snat', '--device=eth0', ...SMALL]));
    for (const family of TESTED_FAMILIES) {
      await setService(lab, agent, serviceIdOf(family, 1), frontendOf(lab, family));
      await setService(lab, agent, serviceIdOf(family, 2), frontendOf(lab, family, 53, 'udp'), 53);
    }
  });
  after(async () => lab?.remove());

  /** Explains the client's flow from this port, and asserts that the program does what is said. */
  async function explained(family: Family, from: number, to = 80, more = 'tcp'): Promise<ExplanationView> {
    const client = formatEndpoint({ address: lab.host('client').addressOf(family), port: from });
    const vip = formatEndpoint({ address: lab.vipOf(family), port: to });
    const { explanation } = (await agent.json(`explain ${client} -> ${vip} ${more}`)) as { explanation: ExplanationView };
    assert.deepEqual([explanation.proof.result, explanation.proof.differences], ['proved', []], JSON.stringify(explanation));
    return explanation;
  }

  const stepOf = ({ steps }: ExplanationView, name: string) => steps.find(({ step }) => step === name)?.text ?? '';
  const nameOf = (address: string | undefined, family: Family) => lab.backends.find((host) => host.addressOf(family) === address)?.name;

  /** What a packet of a service's flow changes: entries, and counters. The network's own chatter is left out. */
  async function traces(id: number): Promise<object> {
    const { counters } = await readStatus(agent);
    const own = counters.filter(({ name }) => !/^(?:not_ip|protocol|local|icmp_.*)$/.test(name));
    const flows = (await readFlows(agent, id)).map(({ age: _age, idle: _idle, ...flow }) => flow);
    return { flows, counted: own.map(({ name, packets }) => `${name} ${packets}`) };
  }

  for (const family of TESTED_FAMILIES) {
    describe(`IPv${family}`, () => {
      it('says which backend and SNAT port a connection will have', async () => {
        const port = localPortOf(family, 24001);
        const said = await explained(family, port);
        assert.equal(said.packet.kind, 'SYN');
        assert.equal((await getPage(lab, { family, localPort: port })).backend, nameOf(said.backend?.address, family));
        const [flow] = await readFlows(agent, serviceIdOf(family, 1));
        assert.equal(flow?.sourcePort, port);
        assert.deepEqual([flow?.snatAddress, flow?.snatPort], [said.outcome.frame?.source, said.outcome.frame?.sourcePort]);
      });

      it('finds the entry of a flow that is there, and the way of its replies', async () => {
        const port = localPortOf(family, 24002);
        const download = await startLongDownload(lab, port, 80, family);
        const said = await explained(family, port);
        assert.match(stepOf(said, 'flow'), /ACTIVE, snat.*no service is looked up/);
        assert.deepEqual([said.packet.kind, said.outcome.reason, stepOf(said, 'service')], ['ACK', 'snat_request', '']);
        const { source, sourcePort, destination, destinationPort } = said.outcome.frame ?? assert.fail('it is forwarded');
        const [from, to] = [
          formatEndpoint({ address: destination, port: destinationPort }),
          formatEndpoint({ address: source, port: sourcePort }),
        ];
        const { explanation: reply } = (await agent.json(`explain ${from} ${to}`)) as { explanation: ExplanationView };
        assert.deepEqual([reply.proof.result, reply.outcome.reason, reply.outcome.frame?.destinationPort], ['proved', 'snat_reply', port]);
        await download.finish();
      });

      it('says how DSR would wrap a flow, and where it goes', async () => {
        await agent.must('mode update dsr');
        const port = localPortOf(family, 24003);
        const said = await explained(family, port);
        assert.deepEqual([said.outcome.reason, said.outcome.frame?.outer?.destination], ['dsr_ipip', said.backend?.address]);
        assert.match(stepOf(said, 'MTU'), family === 4 ? /1520 bytes/ : /1500 bytes/);
        const most = family === 4 ? 1520 : 1500;
        assert.equal((await explained(family, port, 80, `--bytes=${most}`)).outcome.frame?.bytes, 14 + 1540);
        const tooBig = await explained(family, port, 80, `--bytes=${most + 1}`);
        assert.deepEqual([tooBig.outcome.verdict, tooBig.outcome.reason], ['tx', 'too_big_answered']);
        // Nobody takes the outer header off: the backend does not answer.
        await lab.host('client').run(['curl', '-sS', '-m', '0.2', '--local-port', String(port), lab.url(family)], { check: false });
        const flow = (await readFlows(agent, serviceIdOf(family, 1))).find(({ sourcePort }) => sourcePort === port);
        assert.deepEqual([flow?.mode, flow?.backend], ['dsr-ipip', said.backend?.address]);
        assert.match(stepOf(await explained(family, port), 'flow'), /dsr-ipip.*no service is looked up/);
        await agent.must('mode update snat');
      });

      it('says what is dropped or passed, and why', async () => {
        const client = lab.host('client').addressOf(family);
        assert.deepEqual((await explained(family, 24004, 81)).outcome, { verdict: 'pass', reason: 'no_service', frame: null, slot: null });
        await agent.must(`deny add ${client}`);
        const denied = await explained(family, 24004);
        assert.deepEqual([denied.outcome.verdict, denied.outcome.reason], ['drop', 'source_denied']);
        assert.match(stepOf(denied, 'source'), /list of denied clients/);
        await agent.must(`deny remove ${client}`);
        await agent.must(`service update --id=${serviceIdOf(family, 1)} --source-allow=${lab.vipOf(family)}`);
        assert.match(stepOf(await explained(family, 24004), 'source'), /in none of the service's source ranges/);
        await agent.must(`service update --id=${serviceIdOf(family, 1)} --source-allow=none`);
      });

      it('leaves a backend in maintenance out, and says why there is none', async () => {
        const id = serviceIdOf(family, 1);
        const [, ...others] = lab.backends;
        const set = (name: string, state: string) =>
          agent.must(
            `backend set --id=${id} --backend=${formatEndpoint({ address: lab.host(name).addressOf(family), port: 80 })} --state=${state}`,
          );
        for (const { name } of others) await set(name, 'maintenance');
        const [first] = lab.backends;
        assert.equal((await explained(family, 24005)).backend?.address, first?.addressOf(family));
        await set(first?.name ?? '', 'maintenance');
        const none = await explained(family, 24005);
        assert.deepEqual([none.outcome.verdict, none.outcome.reason], ['drop', 'no_backend']);
        assert.match(stepOf(none, 'maglev'), /maintenance/);
        for (const { name } of lab.backends) await set(name, 'active');
      });

      it('follows affinity', async () => {
        const id = serviceIdOf(family, 1);
        await agent.must(`service update --id=${id} --affinity=600s`);
        assert.match(stepOf(await explained(family, 24006), 'affinity'), /no flow of .* is remembered/);
        const { backend } = await getPage(lab, { family, localPort: localPortOf(family, 24007) });
        for (const port of [24008, 24009, 24010]) {
          const said = await explained(family, port);
          assert.equal(nameOf(said.backend?.address, family), backend);
          assert.match(stepOf(said, 'affinity'), /new ones follow it/);
        }
        await agent.must(`service update --id=${id} --affinity=none`);
      });

      it('follows a server id in a QUIC connection id', async () => {
        const id = serviceIdOf(family, 2);
        await agent.must(`service update --id=${id} --quic-server-id=3 --backend-quic-ids=0a01,0a02,0a03`);
        for (const [index, backend] of lab.backends.entries()) {
          const said = await explained(family, 24011, 53, `udp --quic-id=0a0${index + 1}`);
          assert.equal(said.backend?.address, backend.addressOf(family));
          assert.match(stepOf(said, 'quic'), /names server/);
        }
        assert.match(stepOf(await explained(family, 24011, 53, 'udp --quic-id=0b'), 'quic'), /none of service \d+ has 0b/);
        assert.match(stepOf(await explained(family, 24011, 53, 'udp'), 'quic'), /this packet has none/);
        await agent.must(`service update --id=${id} --quic-server-id=off`);
      });

      it('is right when the tables are full, for flows that are there and for others, and leaves no trace', async () => {
        const [source, address] = [lab.host('client').addressOf(family), lab.vipOf(family)];
        const asked = async (): Promise<string> => {
          const before = await traces(serviceIdOf(family, 2));
          let said = '';
          for (let port = 25392; port < 25408; port++) {
            const one = await explained(family, port, 53, 'udp');
            said += `${stepOf(one, 'flow')} ${stepOf(one, 'slot')} ${stepOf(one, 'port')}\n`;
          }
          assert.deepEqual(await traces(serviceIdOf(family, 2)), before);
          return said;
        };
        // A mode for each family, as a flood takes seconds; the tables are the same source.
        if (family === 6) await agent.must('mode update dsr');
        await openUdpFlows(lab, { sources: [source], ports: [25000, 25399], address, port: 53 });
        assert.match(await asked(), family === 4 ? /a half-open flow's, which gives way/ : /a half-open or closing flow gives way/);
        await agent.must('mode update snat');
      });
    });
  }
});
