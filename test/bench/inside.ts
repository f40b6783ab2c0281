// What bench.test.ts asks of the kernel in a network namespace of its own, so as a process of its own: node --import tsx inside.ts CASE FAMILY
// Imports bench, agent/model and platform/linux. Prints one JSON value.

import type { Family } from '../../agent/model/address.js';
import type { Workshop } from '../../bench/course.js';
import { SETTINGS } from '../../bench/data-plane.js';
import { LAYOUTS } from '../../bench/family.js';
import { TCP_ACK, TCP_SYN } from '../../bench/frames.js';
import { enterEmptyNetwork } from '../../bench/kernel.js';
import { measureSteps } from '../../bench/steps.js';
import { Toolbox } from '../../bench/toolbox.js';
import { buildClientFrame } from '../../bench/traffic.js';
import { VethLoop } from '../../bench/veth-loop.js';
import { Wrapper } from '../../bench/wrapper.js';
import { createLinuxPlatform } from '../../platform/linux/index.js';

const CASES: Readonly<Record<string, (toolbox: Toolbox, family: Family) => Promise<unknown>>> = {
  /** What frames look like after the wrapper and do-nothing: as they are, and with the sources of serials 5 to 7. */
  async wrapper(toolbox, family) {
    const wrapper = await Wrapper.load(toolbox, family);
    const frames = [0, 1].map((flow) => buildClientFrame(family, 'snat', flow, TCP_ACK));
    const range = await wrapper.addFrames(frames);
    const run = (runs: number, fresh?: { from: number; count: number }) =>
      wrapper.run({ range, target: 'nothing', runs, fresh }).packet.toString('hex');
    const fresh = { from: 5, count: 3 };
    return {
      frames: frames.map((frame) => frame.toString('hex')),
      plain: [1, 2, 3].map((runs) => run(runs)),
      fresh: [1, 3, 7].map((runs) => run(runs, fresh)),
    };
  },

  async loop(toolbox, family) {
    const loop = await VethLoop.open(toolbox);
    const wrapper = await Wrapper.load(toolbox, family);
    const range = await wrapper.addFrames([buildClientFrame(family, 'snat', 0, TCP_SYN)]);
    const measure = (bytesBack: number) => loop.measure(wrapper, undefined, { range, runs: 1000, reason: 'snat_request', bytesBack });
    const { bytes } = LAYOUTS[family];
    let refused = '';
    const nanoseconds = measure(bytes);
    try {
      measure(bytes + 20);
    } catch (error) {
      refused = String(error);
    }
    loop.close();
    return { nanoseconds, refused };
  },

  async steps(toolbox, family) {
    // Of the workshop only what measureSteps uses.
    const workshop = { toolbox, rounds: 1, dataPlane: { objectFile: '', settings: SETTINGS } } as unknown as Workshop;
    return { lru: await measureSteps(workshop, family, 'lru'), slot: await measureSteps(workshop, family, 'slot') };
  },
};

enterEmptyNetwork();
const [name = '', family = '4'] = process.argv.slice(2);
const toolbox = await Toolbox.open(createLinuxPlatform(), SETTINGS);
process.stdout.write(JSON.stringify(await CASES[name]?.(toolbox, family === '6' ? 6 : 4)));
