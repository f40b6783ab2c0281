// Every packet case against the data plane under the interpreter: as Linux, where the kernel has said the same (packets.test.ts), and as Windows,
// in the flavour that no kernel here runs. Needs clang, no root.
// Imports the suite, the interpreter's beds, and what is otherwise on Windows.

import { isDeepStrictEqual } from 'node:util';
import { expectedOnWindows } from './expected-on-windows.js';
import { linuxInterpreterBed, windowsInterpreterBed } from './interpreter-bed.js';
import { describePackets } from './packet-suite.js';

describePackets({ on: 'Linux, interpreted', makeBed: linuxInterpreterBed, flavours: ['settings in the config map'] });

describePackets({
  on: 'Windows, interpreted',
  makeBed: () => windowsInterpreterBed({ adjustHead: 'works' }),
  expected: (given, world) => expectedOnWindows(given, world, 'works'),
});

// The cases alone that end otherwise than where the helper works: it is the same object.
describePackets({
  on: 'Windows without xdp_adjust_head, interpreted',
  makeBed: () => windowsInterpreterBed({ adjustHead: 'refuses' }),
  flavours: ['settings in the config map'],
  chosen: (given, world) => !isDeepStrictEqual(expectedOnWindows(given, world, 'works'), expectedOnWindows(given, world, 'refuses')),
  expected: (given, world) => expectedOnWindows(given, world, 'refuses'),
});
