// Frames of several buffers, as jumbo frames are: forwarded on every way, and counted with their whole length.
// Imports the runner of packet cases. Needs root and a kernel whose XDP has such frames (Linux 5.18): without, the tests are skipped.
// A test run gives the program at most 3.5 KB in the first buffer, so a packet of 8 KB has three.

import { createLinuxPlatform } from '../../platform/linux/index.js';
import { skipTest } from '../tools/skip.js';
import { type PacketCase, runCase } from './case.js';
import { pass, begins, goesOn, WAYS } from './cases/ways.js';
import { useLoader } from './harness.js';
import { backendEntry, backends, serviceEntry } from './states.js';
import { FAMILIES_UNDER_TEST } from './under-test.js';
import { type World, WORLDS } from './world.js';

const PAYLOAD = Buffer.from(Array.from({ length: 8000 }, (_, i) => i & 255));

/** Every backend behind a link that takes jumbo frames. */
const wide = (world: World) => backends(world, ...(['a', 'b', 'dns'] as const).map((name) => backendEntry(world, name, { mtu: 9000 })));

function jumboCases(world: World): readonly PacketCase[] {
  const change = { payload: PAYLOAD };
  const on = (given: PacketCase): PacketCase => ({ ...given, before: { ...given.before, backends: wide(world) } });
  const odd = { ...change, dstPort: 81 };
  return [
    ...WAYS.flatMap((way) => (['tcp', 'udp'] as const).map((protocol) => on(goesOn(world, way, protocol, 'of 8000 bytes', { change })))),
    ...(['snat-request', 'dsr-ipip', 'dsr-l2'] as const).map((way) => on(begins(world, way, 'tcp', 'with 8000 bytes', { change }))),
    pass('no_service', 'a jumbo frame for no service passes and is counted whole', world.request('udp', odd)),
    pass('malformed', 'a length beyond the last buffer passes', world.request('udp', { ...change, ip: { length: 8000 + 100 } })),
    {
      title: 'a jumbo frame beyond the MTU with its outer header is dropped, when answers are off',
      settings: { ...world.SETTINGS, answerRate: 0 },
      packet: world.request('udp', change),
      verdict: 'drop',
      reason: 'too_big',
      before: { services: [serviceEntry(world, 'udp', { action: 'dsr-ipip' })] },
      entries: 'open',
    },
  ];
}

for (const family of FAMILIES_UNDER_TEST) {
  describe(`jumbo frames, IPv${family}`, () => {
    const loader = useLoader();
    before(function () {
      if (!createLinuxPlatform().capabilities.multiBuffer) skipTest(this, "this kernel's XDP has no frames of several buffers");
    });
    const world = WORLDS[family];
    for (const given of jumboCases(world)) it(given.title, () => runCase(loader(), 'compiled settings', world, given));
  });
}
