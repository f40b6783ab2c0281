// The real agent in node.exe under Wine, from what is typed at its prompt to the packet that its program sends.
// Imports agent/control/program for the object, test/support and Node. wine.test.ts runs it in namespaces of its own; needs a current dist/.
// Packets are handed to the program that the double has attached: the interpreter runs it over the maps that the agent has written.

import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { compileObject } from '../../../agent/control/program/compile.js';
import { findSourceDirectory } from '../../../agent/control/program/sources.js';
import { WIRE_FAMILIES, type Wire } from '../../platform/conformance.js';
import { compileProbe } from '../../platform/linux-subject.js';
import { makeWire, requireOwnNetwork } from '../../platform/linux-wire.js';
import { WindowsAgent } from '../../support/windows/agent.js';
import {
  assertDumped,
  assertHandedOn,
  assertTranslated,
  assertWrapped,
  endsOf,
  type Link,
  type Receive,
  request,
  serviceCommand,
  serviceId,
} from '../../support/windows/conversation.js';
import { Driver } from '../../support/windows/driver.js';
import { EfwKernel, type EfwOptions } from '../../support/windows/efw-kernel.js';
import { Wine, windowsPath } from '../../support/windows/wine.js';

requireOwnNetwork();

/** Wine tells nothing of IPv6 neighbours, and a backend without a MAC gets no packets; typed-to-packet.test.ts has both families. */
const TOLD_FAMILIES = WIRE_FAMILIES.filter(({ family }) => family === 4);
/** Small tables: each of the double's calls crosses a connection. */
const SIZES = { maxFlows: 4096, maxServices: 64, maxBackends: 64 };

describe('the agent on Windows', () => {
  const folder = mkdtempSync(join(tmpdir(), 'fl-windows-'));
  const drivers: Driver[] = [];
  let wire: Wire;
  let wine: Wine;
  let kernel: EfwKernel;
  let object: string;
  let agent: WindowsAgent;
  let link: Link;

  /** A machine with nothing loaded; the environment by which a process finds it. */
  async function makeKernel(options: EfwOptions = {}): Promise<{ made: EfwKernel; environment: NodeJS.ProcessEnv }> {
    const made = new EfwKernel({ hasInterface: (ifindex) => ifindex === wire.ifindex, ...options });
    const driver = new Driver(made);
    drivers.push(driver);
    return { made, environment: { FAIRLEAD_EBPF_DRIVER: String(await driver.listen()) } };
  }

  const flags = (name: string, ...more: string[]): string[] => [
    '--bpf-lb-mode=snat',
    '--device=wire',
    '--dsr-dispatch=l2',
    `--instance=${name}`,
    `--bpf-object=${windowsPath(object)}`,
    `--state=${windowsPath(join(folder, `${name}.json`))}`,
    `--max-flows=${SIZES.maxFlows}`,
    `--max-services=${SIZES.maxServices}`,
    `--max-backends=${SIZES.maxBackends}`,
    ...more,
  ];

  const receive: Receive = (packet) => kernel.receive(wire.ifindex, packet);

  /** Types `service list` until every service's backends are ready: their MACs are known by then. */
  async function ready(services: number, asked = agent): Promise<void> {
    for (const deadline = Date.now() + 20_000; ; await sleep(100)) {
      await asked.type('service list');
      const said = await asked.expect(/\d+ services?\n/);
      if ((said.match(/ 1 {6}1\n/g)?.length ?? 0) === services) return;
      assert.ok(Date.now() < deadline, said);
    }
  }

  before(async function () {
    this.timeout(60_000);
    wire = await makeWire(() => () => undefined);
    link = { own: networkInterfaces()['wire']?.[0]?.mac ?? '', neighbour: wire.neighbourMac };
    const macros = {
      FL_CONFIG_FROM_MAP: 1,
      FL_HAS_ATOMICS: 1,
      FL_MAX_FLOWS: SIZES.maxFlows,
      FL_MAX_SERVICES: SIZES.maxServices,
      FL_MAX_BACKENDS: SIZES.maxBackends,
    };
    const what = { clang: 'clang', cacheDirectory: folder, sourceDirectory: findSourceDirectory(), source: 'fairlead.c' };
    object = (await compileObject({ ...what, flavour: 'windows', macros })).objectFile;
    const { made, environment } = await makeKernel();
    kernel = made;
    wine = new Wine(folder, Number(environment['FAIRLEAD_EBPF_DRIVER']));
    agent = await WindowsAgent.start(wine, flags('main'));
  });
  after(() => {
    wine?.stop();
    for (const driver of drivers) driver.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('starts, and attaches its program to the device', async () => {
    await agent.type('status');
    await agent.expect(/device +wire/);
    assert.equal(kernel.linkOn(wire.ifindex)?.program.entry.name, 'fairlead');
  });

  for (const own of TOLD_FAMILIES) {
    it(`IPv${own.family}: a service that is typed at the prompt makes the program translate requests and their answers`, async () => {
      await agent.type(serviceCommand(own));
      await agent.expect(new RegExp(`service ${serviceId(own)} created`));
      await ready(serviceId(own));
      assertTranslated(own, link, receive);
      await agent.type(`service dumpstate --id=${serviceId(own)}`);
      assertDumped(own, await agent.expect(/\d+ flows?\n/));
    });
  }

  it('traffic that is not for a service passes', () => {
    for (const own of TOLD_FAMILIES) {
      const packet = request(own, link, ['syn'], 22);
      assert.deepEqual(receive(packet), { verdict: 'pass', packet });
    }
  });

  it('mode update dsr hands new flows on by L2, and breaks none that exist', async () => {
    const before = TOLD_FAMILIES.map((own) => assertTranslated(own, link, receive));
    await agent.type('mode update dsr');
    await agent.expect(/mode[^\n]*dsr/);
    for (const own of TOLD_FAMILIES) assertHandedOn(own, link, receive);
    assert.deepEqual(
      TOLD_FAMILIES.map((own) => assertTranslated(own, link, receive)),
      before,
    );
    await agent.type('mode update snat');
    await agent.expect(/mode[^\n]*snat/);
  });

  const ipipFlags = (): string[] => flags('ipip').map((flag) => flag.replace('=snat', '=dsr').replace('=l2', '=ipip'));

  it('IPIP is refused at the start, where the program finds that packets cannot grow, and L2 is offered', async () => {
    const { made, environment } = await makeKernel();
    const { status, output } = await (await WindowsAgent.start(wine, ipipFlags(), environment)).ended();
    assert.notEqual(status, 0);
    assert.match(output, /FL_E_UNSUPPORTED[\s\S]*--dsr-dispatch=l2|--dsr-dispatch=l2[\s\S]*FL_E_UNSUPPORTED/);
    assert.deepEqual([made.pins.size, made.memory.maps.size], [0, 0]);
  });

  it('where it finds that they can, IPIP wraps requests, also after an agent that was killed', async () => {
    const { made, environment } = await makeKernel({ adjustHead: 'works' });
    const [own] = TOLD_FAMILIES as [(typeof TOLD_FAMILIES)[number]];
    const wraps = () => assertWrapped(own, link, (packet) => made.receive(wire.ifindex, packet));
    const first = await WindowsAgent.start(wine, ipipFlags(), environment);
    await first.type(serviceCommand(own));
    await first.expect(/service 1 created/);
    await ready(1, first);
    wraps();
    await first.kill();
    const program = made.linkOn(wire.ifindex)?.program.object.id;
    const second = await WindowsAgent.start(wine, ipipFlags(), environment);
    await ready(1, second);
    wraps();
    assert.equal(made.linkOn(wire.ifindex)?.program.object.id, program);
    await second.type('unload');
    await second.ended();
  });

  it('undoes a change that the system refuses in the middle, and says so', async () => {
    kernel.failOn('map_update', 1, 'ENOMEM');
    kernel.failOn('map_update_batch', 1, 'ENOMEM');
    await agent.type('service update --id=1 --backends=10.99.0.9:8080,10.99.0.2:8080');
    await agent.expect(/error: [^\n]*FL_E_/);
    await agent.type('service get --id=1');
    const said = await agent.expect(/10\.99\.0\.2:8080[^\n]*\n/);
    assert.ok(!said.includes('10.99.0.9'), said);
    for (const own of TOLD_FAMILIES) assertTranslated(own, link, receive);
  });

  it('a killed agent leaves everything at work, and the next one takes it over', async () => {
    const program = kernel.linkOn(wire.ifindex)?.program.object.id;
    const before = TOLD_FAMILIES.map((own) => assertTranslated(own, link, receive));
    await agent.kill();
    const ports = (): readonly number[] => TOLD_FAMILIES.map((own) => endsOf(receive(request(own, link, ['ack'])).packet).from[1]);
    assert.deepEqual(ports(), before);
    agent = await WindowsAgent.start(wine, flags('main'));
    await ready(TOLD_FAMILIES.length);
    assert.equal(kernel.linkOn(wire.ifindex)?.program.object.id, program);
    assert.deepEqual(ports(), before);
    for (const own of TOLD_FAMILIES) {
      await agent.type(`service dumpstate --id=${serviceId(own)}`);
      assertDumped(own, await agent.expect(/\d+ flows?\n/));
    }
  });

  it('a second agent on the same device is refused', async () => {
    const other = await WindowsAgent.start(wine, flags('other'));
    const { status, output } = await other.ended();
    assert.notEqual(status, 0);
    assert.match(output, /FL_E_FOREIGN_PROGRAM/);
    assert.ok(kernel.linkOn(wire.ifindex) !== undefined);
  });

  it('unload leaves no program, no map and no pin', async () => {
    await agent.type('unload');
    const { status, output } = await agent.ended();
    assert.equal(status, 0, output);
    assert.equal(kernel.linkOn(wire.ifindex), undefined);
    assert.deepEqual([...kernel.pins.keys()], []);
    assert.deepEqual([kernel.memory.maps.size, kernel.programs.size, kernel.links.size], [0, 0, 0]);
  });

  it('where only native drivers load, an object file is refused with the way out, and a .sys is taken', async () => {
    const { made, environment } = await makeKernel({ nativeOnly: true });
    const refused = await (await WindowsAgent.start(wine, flags('native'), environment)).ended();
    assert.notEqual(refused.status, 0);
    assert.match(refused.output, /--bpf-object=[^\n]*\.sys/);
    assert.deepEqual([...made.pins.keys()], []);
    const driver = join(folder, 'fairlead.sys');
    copyFileSync(object, driver);
    const native = await WindowsAgent.start(wine, flags('native', `--bpf-object=${windowsPath(driver)}`), environment);
    await native.type('status');
    await native.expect(/device +wire/);
    assert.equal(made.linkOn(wire.ifindex)?.program.entry.name, 'fairlead');
    await native.type('unload');
    await native.ended();
  });

  it("somebody else's program on the device is named and left alone", async () => {
    const { made, environment } = await makeKernel();
    const id = made.attachForeign(wire.ifindex, compileProbe(folder, 'probe', [], 'windows'), 'probe_device');
    const { status, output } = await (await WindowsAgent.start(wine, flags('foreign'), environment)).ended();
    assert.notEqual(status, 0);
    assert.match(output, new RegExp(`FL_E_FOREIGN_PROGRAM|program ${id}`));
    assert.equal(made.linkOn(wire.ifindex)?.program.object.id, id);
    assert.deepEqual([...made.pins.keys()], []);
  });

  it('a failure while maps are made ends the start with nothing left behind', async () => {
    for (const call of ['object_load', 'attach', 'pin']) {
      const { made, environment } = await makeKernel();
      made.failOn(call, 1, 'ENOMEM');
      const { status, output } = await (await WindowsAgent.start(wine, flags('faulty'), environment)).ended();
      assert.notEqual(status, 0, call);
      assert.match(output, /error: [^\n]*\(FL_E_/, call);
      assert.deepEqual([[...made.pins.keys()], made.links.size, made.memory.maps.size], [[], 0, 0], call);
    }
  });
});
