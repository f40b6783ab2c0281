// What a service asks of its clients, end to end, for each address family: source ranges, the deny list, session affinity.
// Imports the lab and its siblings. Needs root, native XDP and a current dist/.
// 'client' stands before eth0 of the LB, 'client2' before eth1.

import assert from 'node:assert/strict';
import type { Family } from '../../agent/model/address.js';
import type { AgentProcess } from '../../samples/founding-lab/agent-process.js';
import type { Lab } from '../../samples/founding-lab/lab.js';
import { askUdp, startUdpEcho } from '../../samples/founding-lab/udp.js';
import { frontendOf, localPortOf, serviceIdOf, TESTED_FAMILIES } from './support/family.js';
import { LONG_FILE_BYTES, startLongDownload } from './support/long-download.js';
import { endpoints, openSetting, readDrops, requireRoot, SUITE_TIMEOUT, setService } from './support/setting.js';
import { countPages, isServed } from './support/traffic.js';

describe('what is asked of clients, end to end', function () {
  this.timeout(SUITE_TIMEOUT);
  let lab: Lab;
  let agent: AgentProcess;

  before(async function () {
    requireRoot(this);
    ({ lab, agent } = await openSetting({ backends: 4, secondClient: true, bigFileBytes: LONG_FILE_BYTES }, [
      '--bpf-lb-mode=snat',
      '--device=eth0,eth1',
    ]));
    for (const family of TESTED_FAMILIES) await setService(lab, agent, serviceIdOf(family, 1), frontendOf(lab, family));
  });
  after(async () => lab?.remove());

  for (const family of TESTED_FAMILIES) {
    describe(`IPv${family}`, () => describeFamily(family));
  }

  function describeFamily(family: Family): void {
    const id = (number: number) => serviceIdOf(family, number);
    const update = (flags: string) => agent.must(`service update --id=${id(1)} ${flags}`);
    const addressOf = (name: string) => lab.host(name).addressOf(family);
    const served = async () => {
      const asked = ['client', 'client2'].map((name) => isServed(lab, lab.url(family), name));
      const [first, second] = await Promise.all(asked);
      return { client: first, client2: second };
    };
    const endpointOf = (name: string) => endpoints(lab, 80, [lab.host(name)], family);
    const denied = async () => (await readDrops(agent)).source_denied ?? 0;

    it('a client in a denied range gets no answer while another is served', async () => {
      const before = await denied();
      await update(`--source-deny=${addressOf('client2')}`);
      assert.deepEqual(await served(), { client: true, client2: false });
      assert.ok((await denied()) > before);
      await update('--source-deny=none');
      assert.deepEqual(await served(), { client: true, client2: true });
    });

    it('where one client is allowed another gets no answer', async () => {
      await update(`--source-allow=${addressOf('client2')}`);
      assert.deepEqual(await served(), { client: false, client2: true });
      await update('--source-allow=none');
      assert.deepEqual(await served(), { client: true, client2: true });
    });

    it('a client on the deny list gets no answer until it is taken off', async () => {
      await agent.must(`deny add ${addressOf('client')}`);
      assert.deepEqual(await served(), { client: false, client2: true });
      await agent.must(`deny remove ${addressOf('client')}`);
      assert.deepEqual(await served(), { client: true, client2: true });
    });

    it('a client that is denied keeps the connection that it has', async () => {
      const download = await startLongDownload(lab, localPortOf(family, 23001), 80, family);
      await update(`--source-deny=${addressOf('client')}`);
      assert.deepEqual(await served(), { client: false, client2: true });
      await download.finish();
      await update('--source-deny=none');
    });

    it('with affinity the connections of a client reach one backend, and another one when that drains', async () => {
      await update('--affinity=600s');
      const counts = await countPages(lab, 64, { family });
      assert.deepEqual(Object.values(counts), [64]);
      const [first = ''] = Object.keys(counts);
      assert.deepEqual(await countPages(lab, 32, { family }), { [first]: 32 });
      await agent.must(`backend set --id=${id(1)} --backend=${endpointOf(first)} --state=terminating`);
      const moved = await countPages(lab, 64, { family });
      assert.deepEqual(Object.values(moved), [64]);
      assert.notDeepEqual(Object.keys(moved), [first]);
      await agent.must(`backend set --id=${id(1)} --backend=${endpointOf(first)} --state=active`);
      assert.deepEqual(await countPages(lab, 32, { family }), { [Object.keys(moved)[0] ?? '']: 32 });
      await update('--affinity=none');
      assert.equal(Object.keys(await countPages(lab, 64, { family })).length, 4);
    });

    it('with affinity the UDP flows of a client reach one backend', async () => {
      await setService(lab, agent, id(3), frontendOf(lab, family, 5354, 'udp'), 5353);
      const echoes = await startUdpEcho(lab, 5353);
      const ask = (port: number) => askUdp(lab, { address: lab.vipOf(family), port, sockets: 24, datagrams: 2 });
      assert.ok(Object.keys((await ask(5354)).backends).length > 1);
      // Another port: a client's port that comes again would find its former flow, which keeps its backend.
      await agent.must(`service update --id=${id(3)} --frontend=${frontendOf(lab, family, 5353, 'udp')} --affinity=600s`);
      // Flows that begin at the same moment on two CPUs know nothing of each other: one begins before all others.
      await askUdp(lab, { address: lab.vipOf(family), port: 5353, sockets: 1, datagrams: 1 });
      const { answered, backends } = await ask(5353);
      await Promise.all(echoes.map((echo) => echo.stop()));
      assert.deepEqual([answered, Object.keys(backends).length], [48, 1]);
    });

    it('the flows of a service are shared by the weights of its backends: 1000, 1 and 0', async () => {
      const [heavy, light, none] = lab.backends.map((host) => host.name);
      const ends = endpoints(lab, 80, lab.backends.slice(0, 3), family);
      await agent.must(
        `service update --id=${id(5)} --frontend=${frontendOf(lab, family, 81)} --backends=${ends} --backend-weights=1000,1,0`,
      );
      const counts = await countPages(lab, 64, { url: lab.url(family, { port: 81 }) });
      assert.ok((counts[heavy ?? ''] ?? 0) >= 60, JSON.stringify(counts));
      assert.ok((counts[light ?? ''] ?? 0) <= 4, JSON.stringify(counts));
      assert.equal(counts[none ?? ''], undefined);
    });
  }
});
