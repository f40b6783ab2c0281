// The test runs that several faults name.
// Imports nothing but the type. Runs of the same name are checked once on the sound tree.

import type { TestRun } from '../mutant.js';

/** Packet cases, in the flavour that most machines run. */
export const PACKETS: TestRun = { file: 'test/bpf/packets.test.ts', only: 'packets, compiled settings' };
export const SEQUENCES: TestRun = { file: 'test/bpf/sequences.test.ts' };
/** Where flows stand, asked of the program. */
export const HASH: TestRun = { file: 'test/agent/datapath/tuple-hash.test.ts' };
export const AGENT: TestRun = { file: 'test/agent/control/agent.test.ts' };
export const PARTS: TestRun = { file: 'test/agent/control/parts.test.ts' };
export const START: TestRun = { file: 'test/agent/control/start/start.test.ts' };
export const VALIDATE: TestRun = { file: 'test/agent/model/validate.test.ts' };
export const PARSE: TestRun = { file: 'test/agent/model/parse.test.ts' };
