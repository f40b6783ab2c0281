// Damaged frames against the data plane in the kernel, and under the interpreter as Windows, where every access of the program is checked.
// Imports the suite and the interpreter's bed. The kernel needs root.

import { describeDamage } from './damage-suite.js';
import { windowsInterpreterBed } from './interpreter-bed.js';

describeDamage({ frames: 3000 });
describeDamage({ on: 'Windows, interpreted', makeBed: () => windowsInterpreterBed({ adjustHead: 'works' }), frames: 1000 });
