// From a typed command to the translated packet without Wine: the agent over the in-memory kernel, the object for Windows in the interpreter.
// Imports agent, platform/fake, test/support, tools/build-bpf.
// Invariant: the maps are those that the object itself declares, so what the agent writes is what the program reads.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Agent } from '../../agent/control/agent.js';
import { startAgent } from '../../agent/control/start/start.js';
import { DEFAULT_SETTINGS } from '../../agent/model/settings.js';
import { createFakePlatform, FakeKernel } from '../../platform/fake/index.js';
import { buildObjects } from '../../tools/build-bpf.js';
import { answer } from '../agent/support/run-with-double.js';
import { WIRE_FAMILIES } from '../platform/conformance.js';
import { Machine } from '../support/ebpf/machine.js';
import { programsOf, readObject } from '../support/ebpf/object.js';
import { windowsProfile } from '../support/ebpf/windows.js';
import { assertDumped, assertTranslated, type Receive, request, serviceCommand, serviceId } from '../support/windows/conversation.js';
import { mapSpec } from '../support/windows/efw-kernel.js';

const LINK = { own: '02:00:00:00:00:01', neighbour: '02:00:00:00:00:02' };
const DEVICE = {
  name: 'wire',
  index: 7,
  mac: LINK.own,
  mtu: 1500,
  up: true,
  addresses: WIRE_FAMILIES.map(({ address, prefixLength }) => ({ address, prefixLength })),
};

describe('from a command to the packet, with the object for Windows', () => {
  const folder = mkdtempSync(join(tmpdir(), 'fl-windows-'));
  let agent: Agent;
  let receive: Receive;

  before(async function () {
    this.timeout(60_000);
    const bpfObject = (await buildObjects(folder, 'windows')).find((path) => path.endsWith('fairlead-windows.o')) ?? '';
    const object = readObject(bpfObject);
    const time = { now: () => kernel.ticks, nanoseconds: () => kernel.clock().nanoseconds() };
    const profile = windowsProfile({ ...time, adjustHead: 'refuses' });
    const kernel = new FakeKernel({
      cpus: 1,
      ticksPerSecond: 1000,
      maps: object.maps.map((declared) => mapSpec(declared, profile)),
      interfaces: [DEVICE],
      neighbours: WIRE_FAMILIES.map(({ neighbour }) => ({
        ifindex: DEVICE.index,
        address: neighbour,
        mac: LINK.neighbour,
        state: 'reachable',
      })),
    });
    const settings = { mode: 'snat', devices: ['wire'], stateFile: join(folder, 'state.json'), cacheDirectory: folder, bpfObject } as const;
    agent = await startAgent(createFakePlatform(kernel), { ...DEFAULT_SETTINGS, ...settings }, () => undefined, { lockDirectory: folder });
    const machine = new Machine(object, profile);
    const entry = programsOf(object).find(({ name }) => name === 'fairlead')?.start ?? 0;
    receive = (packet) => {
      const maps = new Map([...kernel.maps.values()].map((map) => [map.spec.name, map]));
      const ran = machine.run({ packet, ingressIfindex: DEVICE.index, entry, maps });
      return { verdict: profile.verdict(ran.result), packet: ran.packet };
    };
  });
  after(async () => {
    await agent?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const type = async (line: string): Promise<string> => {
    const { out, err, status } = await answer(line, { agent });
    assert.equal(status, 0, err);
    return out;
  };

  for (const own of WIRE_FAMILIES) {
    it(`IPv${own.family}: request and answer are translated, and dumpstate tells of the connection`, async () => {
      await type(serviceCommand(own));
      assertTranslated(own, LINK, receive);
      assertDumped(own, await type(`service dumpstate --id=${serviceId(own)}`));
    });

    it(`IPv${own.family}: what is not for a service passes as it came`, () => {
      const packet = request(own, LINK, ['syn'], 22);
      assert.deepEqual(receive(packet), { verdict: 'pass', packet });
    });
  }
});
