// What shows only over many packets, in the kernel and, under the interpreter, in the Windows object that has no atomic instructions.
// Imports the suite and the interpreter's bed. The kernel needs root.

import { windowsInterpreterBed } from './interpreter-bed.js';
import { describeSequences } from './sequence-suite.js';

describeSequences({ packets: 3000 });
describeSequences({ on: 'Windows, interpreted', makeBed: () => windowsInterpreterBed({ adjustHead: 'works' }), packets: 500 });
