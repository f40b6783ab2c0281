// Frontends of many ports and addresses, and a backend on the load balancer itself, end to end with nginx, for each address family.
// Imports the lab and its siblings. Needs root, native XDP and a current dist/.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Family } from '../../agent/model/address.js';
import { formatPlace } from '../../agent/model/format.js';
import type { AgentProcess } from '../../samples/founding-lab/agent-process.js';
import type { Lab } from '../../samples/founding-lab/lab.js';
import { startWebServer } from '../../samples/founding-lab/web-server.js';
import { frontendOf, localPortOf, serviceIdOf } from './support/family.js';
import { endpoints, openSetting, readDrops, readFlows, requireRoot, SNAT, SUITE_TIMEOUT } from './support/setting.js';
import { countPages, getPage, isServed } from './support/traffic.js';

const FAMILIES: readonly Family[] = [4, 6];

describe('frontends end to end', function () {
  this.timeout(SUITE_TIMEOUT);
  let lab: Lab;
  let agent: AgentProcess;

  before(async function () {
    requireRoot(this);
    ({ lab, agent } = await openSetting({ backends: 2 }, [...SNAT, '--vip-unknown-port=drop']));
  });
  after(async () => lab?.remove());

  for (const family of FAMILIES) {
    describe(`IPv${family}`, () => describeFamily(family));
  }

  function describeFamily(family: Family): void {
    const id = (number: number) => serviceIdOf(family, number);
    const url = (port: number) => lab.url(family, { port });
    const only = (index: number, port: number) => endpoints(lab, port, [lab.backends[index] as Lab['hosts'][number]], family);
    const place = (ports: { readonly port: number; readonly lastPort?: number }, prefixLength?: number, address = lab.vipOf(family)) =>
      formatPlace({ address, protocol: 'tcp', prefixLength, ...ports });
    const update = (number: number, frontend: string, backends: string) =>
      agent.must(`service update --id=${id(number)} --frontend=${frontend} --backends=${backends}`);

    it('serves a range of ports, each on the port that the client used', async () => {
      await update(1, place({ port: 8000, lastPort: 8099 }), only(0, 0));
      const localPort = localPortOf(family, 22001);
      assert.equal((await getPage(lab, { url: url(8080), localPort })).backend, 'backend1');
      const flow = (await readFlows(agent, id(1))).find(({ sourcePort }) => sourcePort === localPort);
      assert.deepEqual([flow?.destinationPort, flow?.backendPort], [8080, 8080]);
      assert.equal(await isServed(lab, url(8081)), false); // nginx has no such port: its answer is a reset
      assert.equal(
        (await readFlows(agent, id(1))).some(({ destinationPort }) => destinationPort === 8081),
        true,
      );
    });

    it('drops a port that no service has, and says so', async () => {
      const before = (await readDrops(agent))['no_port'] ?? 0;
      assert.equal(await isServed(lab, url(8100)), false);
      assert.ok(((await readDrops(agent))['no_port'] ?? 0) > before);
    });

    it('serves every port, and the exact port and the range before that', async () => {
      await update(2, place({ port: 0, lastPort: 65535 }), only(1, 80));
      assert.equal((await getPage(lab, { url: url(12345) })).backend, 'backend2');
      assert.equal((await getPage(lab, { url: url(8080) })).backend, 'backend1');
      await update(3, frontendOf(lab, family, 12345), only(0, 80));
      assert.equal((await getPage(lab, { url: url(12345) })).backend, 'backend1');
      assert.equal((await getPage(lab, { url: url(12346) })).backend, 'backend2');
    });

    it('serves the addresses of a prefix', async () => {
      await agent.must(`service delete --id=${id(2)}`);
      const [first, length] = family === 4 ? [lab.vipOf(4).replace(/\d+$/, '0'), 24] : [lab.vipOf(6).replace(/::1$/, '::'), 112];
      await update(4, place({ port: 80 }, length, first), only(1, 80));
      assert.equal((await getPage(lab, { url: url(80) })).backend, 'backend2');
    });

    it('sends a share of the flows to a server on the load balancer itself, and keeps them there', async () => {
      const lb = lab.host('lb');
      const here = lb.addressOf(family);
      await lb.run(['ip', 'addr', 'add', `${lab.vipOf(family)}/${family === 4 ? 32 : 128}`, 'dev', 'lo']);
      if (family === FAMILIES[0]) {
        mkdirSync(join(lab.folder, 'lb'), { recursive: true });
        await startWebServer(lb, join(lab.folder, 'lb'), join(lab.folder, 'big.bin'));
      }
      await update(5, frontendOf(lab, family, 80), `${only(0, 80)},${only(0, 80).replace(lab.backends[0]?.addressOf(family) ?? '', here)}`);
      const counts = await countPages(lab, 40, { family });
      assert.deepEqual(Object.keys(counts).sort(), ['backend1', 'lb']);
      const flows = await readFlows(agent, id(5));
      const modes = new Set(flows.map(({ backend, mode }) => `${backend} ${mode}`));
      assert.deepEqual(modes, new Set([`${here} local`, `${lab.backends[0]?.addressOf(family)} snat`]));
      assert.ok(flows.filter(({ mode }) => mode === 'local').every(({ txPackets }) => txPackets >= 4));
    });
  }
});
