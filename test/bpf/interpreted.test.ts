// Every packet case against the data plane under the interpreter.
import { linuxInterpreterBed } from './interpreter-bed.js';
import { describePackets } from './packet-suite.js';

describePackets({ on: 'Linux, interpreted', makeBed: linuxInterpreterBed });
