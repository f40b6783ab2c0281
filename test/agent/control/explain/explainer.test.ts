// Explanations over the fake kernel: what is said, what the program's copy holds, and what is concluded from what it does.
// Imports the agent over the test bench. The fake runs no program: each test says what it does. test/e2e/explain.test.ts has the real one.

import assert from 'node:assert/strict';
import type { Agent } from '../../../../agent/control/agent.js';
import { BACKEND4, BACKEND_RESOLVED, encodeIndex, SLOT4, TUPLE4 } from '../../../../agent/datapath/layout.js';
import type { ExplanationView } from '../../../../agent/model/explanation.js';
import { type FlowTuple, makeFrame } from '../../../../agent/model/frame.js';
import { REASONS } from '../../../../agent/model/reasons.js';
import type { FakeKernelOptions, FakeProgramSpec } from '../../../../platform/fake/index.js';
import { DUAL, ETH0, macOf, makeKernel, TestBench, update } from '../support.js';

type Run = NonNullable<FakeProgramSpec['run']>;
type Maps = Parameters<Run>[2];

const FLOW: FlowTuple = { source: '20.1.1.100', sourcePort: 40000, destination: '40.1.1.1', destinationPort: 81, protocol: 'tcp' };

/** Counts a packet as the program does. */
function count(maps: Maps, reason: string): void {
  const key = Buffer.alloc(4);
  key.writeUInt32LE(REASONS.findIndex(({ name }) => name === reason));
  const metrics = maps.get('metrics');
  const value = Buffer.from(metrics?.get(key)?.value ?? Buffer.alloc(0));
  value.writeUInt32LE(value.readUInt32LE() + 1);
  metrics?.set(key, value, 'any');
}

describe('explanations in the agent', () => {
  let bench: TestBench;
  let agent: Agent;
  let run: Run;

  async function start(options: FakeKernelOptions = {}): Promise<void> {
    const program: FakeProgramSpec = { name: 'fairlead', run: (...all) => run(...all) };
    bench = new TestBench(makeKernel({ ...DUAL, programs: [program], ...options }));
    agent = await bench.start();
    await agent.updateService(update(1, [10, 20, 30]));
    await agent.updateService(update(2, [40]));
  }
  beforeEach(async () => {
    run = (packet, _ifindex, maps) => {
      count(maps, 'no_service');
      return { verdict: 'pass', packet };
    };
    await start();
  });
  afterEach(async () => {
    await agent.close();
    bench.dispose();
  });

  const stepOf = ({ steps }: ExplanationView, name: string) => steps.find(({ step }) => step === name)?.text;

  /** Does what is said: the program as it should be, for a SNAT flow. */
  function obey(said: ExplanationView): void {
    const { frame, slot } = said.outcome;
    run = (packet, _ifindex, maps) => {
      count(maps, said.outcome.reason);
      if (slot !== undefined) {
        const { source: saddr, destination: daddr, sourcePort: sport, destinationPort: dport, protocol } = FLOW;
        const value = Buffer.concat([TUPLE4.encode({ saddr, daddr, sport, dport, protocol }), Buffer.alloc(SLOT4.size - TUPLE4.size)]);
        maps.get('ct4')?.set(encodeIndex(slot), value, 'any');
      }
      if (frame === undefined) return { verdict: said.outcome.verdict, packet };
      const sent = makeFrame({ flow: frame, kind: 'SYN', sourceMac: frame.sourceMac, destinationMac: frame.destinationMac });
      sent[22] = 63;
      return { verdict: said.outcome.verdict, packet: sent };
    };
  }

  it('name service, backend, next hop and SNAT port of a flow that is not there', async () => {
    const said = await agent.explainFlow(FLOW);
    const last = Number(said.backend?.address.split('.')[3]);
    assert.ok([10, 20, 30].includes(last));
    assert.deepEqual(
      said.steps.map(({ step }) => step),
      ['address', 'flow', 'service', 'source', 'maglev', 'backend', 'next hop', 'rate', 'slot', 'port', 'action', 'MTU', 'reply'],
    );
    assert.match(stepOf(said, 'service') ?? '', /^service 1, 40\.1\.1\.1:81\/tcp: exactly this address and port/);
    assert.equal(stepOf(said, 'next hop'), `${macOf(last)} by eth0`);
    const { source, sourcePort = 0, destination, destinationMac, hops } = said.outcome.frame ?? {};
    assert.deepEqual([source, destination, destinationMac, hops], [ETH0.addresses[0]?.address, said.backend?.address, macOf(last), 63]);
    assert.ok(sourcePort >= 1024 && sourcePort <= 32767);
    assert.deepEqual([said.service, said.mode, said.outcome.verdict, said.outcome.reason], [1, 'snat', 'tx', 'snat_request']);
  });

  it('are proved by a program that does so, and refuted line by line by one that does not', async () => {
    const said = await agent.explainFlow(FLOW);
    assert.equal(said.proof.result, 'differs');
    assert.deepEqual(said.proof.differences.slice(0, 2), [
      'verdict: tx was said, pass it is',
      'reason: snat_request was said, no_service it is',
    ]);
    obey(said);
    const proved = await agent.explainFlow(FLOW);
    assert.deepEqual([proved.proof.result, proved.proof.differences], ['proved', []]);
    assert.deepEqual(proved.proof.outcome, proved.outcome);
    obey({ ...said, outcome: { ...said.outcome, frame: { ...(said.outcome.frame ?? assert.fail()), sourcePort: 7 } } });
    const { proof } = await agent.explainFlow(FLOW);
    assert.ok(said.proof.differences.includes('frame: one of 54 bytes was said, none it is'));
    assert.deepEqual(proof.differences, [`source port: ${said.outcome.frame?.sourcePort} was said, 7 it is`]);
  });

  it('are run on a copy that holds what was read and no more', async () => {
    let held: Readonly<Record<string, number>> = {};
    run = (packet, _ifindex, maps) => {
      const sizes = ['ct4', 'ct6', 'lb4_services', 'lb4_backends', 'lb4_affinity', 'lb_maglev'].map((name) => [
        name,
        maps.get(name)?.entries.size,
      ]);
      held = Object.fromEntries(sizes) as typeof held;
      assert.equal(maps.get('ct4')?.spec.type, 'hash');
      return { verdict: 'pass', packet };
    };
    const said = await agent.explainFlow(FLOW);
    assert.equal(said.proof.outcome?.reason, 'none');
    assert.deepEqual([held['ct6'], held['lb4_services'], held['lb4_backends'], held['lb_maglev']], [0, 1, 1, 1]);
    assert.ok((held['ct4'] ?? 0) >= 16, 'the flow may stand in 16 slots');
    await agent.explainFlow({ ...FLOW, destination: '50.1.1.1' });
    assert.deepEqual([held['ct4'], held['lb4_services'], held['lb_maglev']], [0, 0, 0], 'nothing is left of the one before');
  });

  it('change nothing that is live', async () => {
    const before = await bench.snapshot();
    const maps = new Set(bench.kernel.maps.keys());
    const written = new Map<number, number>();
    for (const [id, map] of bench.kernel.maps) written.set(id, map.entries.size);
    run = (packet, _ifindex, copy) => {
      for (const map of copy.values()) assert.ok(!maps.has(map.id), `${map.spec.name} is not the live one`);
      count(copy, 'snat_request');
      return { verdict: 'tx', packet };
    };
    await agent.explainFlow(FLOW);
    assert.deepEqual(await bench.snapshot(), before);
    for (const [id, size] of written) assert.equal(bench.kernel.maps.get(id)?.entries.size, size, bench.kernel.maps.get(id)?.spec.name);
  });

  it('take the copy away with the agent', async () => {
    const before = bench.kernel.programs.size;
    await agent.explainFlow(FLOW);
    await agent.explainFlow(FLOW);
    assert.equal(bench.kernel.programs.size, before + 1, 'one copy serves several');
    await agent.close();
    assert.equal(bench.kernel.programs.size, before);
  });

  it('stand without a proof when the program cannot be run, and say why', async () => {
    bench.kernel.failOn('load');
    const said = await agent.explainFlow(FLOW);
    assert.deepEqual([said.proof.result, said.proof.why, said.proof.outcome], ['unproved', 'injected failure of load', undefined]);
    assert.equal(said.outcome.reason, 'snat_request');
    // The bench's program is given as an object, which takes frames of one buffer.
    assert.match((await agent.explainFlow({ ...FLOW, bytes: 9000 })).proof.why ?? '', /^a frame of 9014 bytes is more than one buffer/);
    assert.notEqual((await agent.explainFlow(FLOW)).proof.result, 'unproved');
  });

  it("go on where the packet's own question to the FIB finds the next hop", async () => {
    await agent.updateService(update(3, [99]));
    const flow = { ...FLOW, destinationPort: 83 };
    assert.equal((await agent.explainFlow(flow)).outcome.reason, 'unresolved');
    const mac = '02:00:00:00:00:99';
    let places: (number | undefined)[] = [];
    run = (packet, _ifindex, maps) => {
      const backends = maps.get('lb4_backends');
      for (const { key, value } of backends?.list() ?? []) {
        const raw = BACKEND4.decode(value);
        const known = { dstMac: mac, srcMac: ETH0.mac, ifindex: ETH0.index, mtu: 1500, source: '20.1.1.1', flags: BACKEND_RESOLVED };
        backends?.set(key, BACKEND4.encode({ ...raw, ...known, nextHopAt: 1 }), 'any');
      }
      places = [...places, maps.get('snat4')?.entries.size];
      count(maps, 'snat_request');
      return { verdict: 'tx', packet };
    };
    const said = await agent.explainFlow(flow);
    assert.equal(stepOf(said, 'next hop'), `${mac} by eth0, as the kernel's FIB says to this packet`);
    assert.deepEqual([said.outcome.reason, said.outcome.frame?.destinationMac], ['snat_request', mac]);
    assert.deepEqual(
      places.map((size) => (size ?? 0) > 0),
      [false, true],
      'the second run has what the first did not come to',
    );
  });

  it('do not take another program for the one that forwards', async () => {
    for (const link of bench.kernel.links.values()) link.program = bench.kernel.addProgram('other', []);
    assert.match((await agent.explainFlow(FLOW)).proof.why ?? '', /^device eth0 runs program \d+, not this agent's \d+$/);
  });

  it('say why a packet goes no further', async () => {
    const reasonOf = async (flow: Partial<FlowTuple>): Promise<string> => {
      const { outcome, steps } = await agent.explainFlow({ ...FLOW, ...flow });
      return `${outcome.verdict} ${outcome.reason} ${steps.at(-1)?.step} ${steps.at(-1)?.ends}`;
    };
    assert.equal(await reasonOf({ destination: '50.1.1.1' }), 'pass no_service address true');
    assert.equal(await reasonOf({ destinationPort: 99 }), 'pass no_service service true');
    assert.equal(await reasonOf({ destination: '20.1.1.1', destinationPort: 22 }), 'pass local address true');
    assert.equal(await reasonOf({ destination: '20.1.1.1', destinationPort: 2000 }), 'pass local address true');
    await agent.updateDenied({ add: ['20.1.1.100/32'], remove: [] });
    assert.equal(await reasonOf({}), 'drop source_denied source true');
    await agent.updateDenied({ add: [], remove: ['20.1.1.100/32'] });
    await agent.setBackend({ id: 2, backend: { address: '20.1.1.40', port: 80 }, state: 'maintenance', weight: undefined });
    assert.equal(await reasonOf({ destinationPort: 82 }), 'drop no_backend maglev true');
    await agent.updateService(update(3, [99]));
    assert.equal(await reasonOf({ destinationPort: 83 }), 'drop unresolved next hop true');
  });

  it('are refused after unload', async () => {
    await agent.unload();
    await assert.rejects(agent.explainFlow(FLOW), /the data plane was unloaded/);
  });
});
