import { windowsInterpreterBed } from './interpreter-bed.js';
import { describePackets } from './packet-suite.js';

describePackets({ on: 'Windows, interpreted', makeBed: () => windowsInterpreterBed({ adjustHead: 'works' }) });
