// The agent's question to the program whether packets can grow on this system: answered where the platform leaves it in doubt; elsewhere the frame is one like others.
// Imports the question, and the packet tests' beds and harness.

import assert from 'node:assert/strict';
import { growsHead } from '../../agent/datapath/grows-head.js';
import { countedReasons, useLoader } from './harness.js';
import { windowsInterpreterBed } from './interpreter-bed.js';
import { clearCounters } from './state.js';
import type { TestBed } from './test-bed.js';
import { DEVICE, WORLDS } from './world.js';

const FLAVOURS = ['compiled settings', 'settings in the config map'] as const;
const BEDS: Readonly<Record<string, readonly [makeBed: (() => TestBed) | undefined, grows: boolean, counted: object]>> = {
  'Windows, interpreted, with xdp_adjust_head': [() => windowsInterpreterBed({ adjustHead: 'works' }), true, {}],
  'Windows, interpreted, where it refuses': [() => windowsInterpreterBed({ adjustHead: 'refuses' }), false, {}],
  'this kernel, which is not asked': [undefined, false, { not_ip: 1 }],
};

for (const [on, [makeBed, grows, counted]] of Object.entries(BEDS)) {
  describe(`whether packets can grow, ${on}`, () => {
    const loader = useLoader(makeBed);
    for (const flavour of FLAVOURS) {
      it(`is ${grows ? 'yes' : 'no'}: ${flavour}`, async () => {
        const plane = await loader().load(flavour, WORLDS[4].SETTINGS);
        clearCounters(plane);
        assert.equal(
          plane.bed.run(() => growsHead(plane.program)),
          grows,
        );
        assert.deepEqual(countedReasons(plane), counted);
      });

      it(`the same frame from a device passes as it came: ${flavour}`, async () => {
        const plane = await loader().load(flavour, WORLDS[4].SETTINGS);
        clearCounters(plane);
        const frame = Buffer.alloc(64);
        const { verdict, packet } = plane.bed.run(() => plane.program.testRun(frame, { ingressIfindex: DEVICE.index }));
        assert.deepEqual([verdict, packet], ['pass', frame]);
        assert.deepEqual(countedReasons(plane), { not_ip: 1 });
      });
    }
  });
}
