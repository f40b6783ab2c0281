// Every packet case against the data plane in the kernel.
// Imports the suite. Needs root: without it the tests are skipped, and say so.

import { describePackets } from './packet-suite.js';

describePackets({});
