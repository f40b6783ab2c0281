// Faults in how the agent reads the flows and writes the tables.
// Imports the types and runs.ts.

import type { Mutant } from '../mutant.js';
import { AGENT, HASH } from './runs.js';

const FLOWS = { file: 'test/agent/datapath/flow-table.test.ts' };
const LIFE = { file: 'test/agent/datapath/flow-life.test.ts' };
const MACROS = { file: 'test/agent/datapath/macros.test.ts' };
const VIPS = { file: 'test/agent/datapath/vip-table.test.ts' };
const DEVICES = { file: 'test/agent/datapath/device-table.test.ts' };

export const datapathMutants: readonly Mutant[] = [
  {
    name: 'reset-counted-late',
    file: 'agent/datapath/flow-life.ts',
    find: "return action === 'snat' || (seen &",
    replace: 'return (seen &',
    breaks: 'A SNAT flow that its backend reset is counted for six hours more.',
    tests: [FLOWS, LIFE],
  },
  {
    name: 'ticks-wrap',
    file: 'agent/datapath/flow-life.ts',
    find: 'const elapsed = (now - then) >>> 0;',
    replace: 'const elapsed = now - then;',
    breaks: 'When the 32-bit clock wraps no flow ends any more.',
    tests: [LIFE],
  },
  {
    name: 'foreign-reverse-shown',
    file: 'agent/datapath/flow-record.ts',
    find: `    reverse.clientPort === tuple.sport &&
`,
    replace: '',
    breaks: 'A flow shows the reply counters of another flow of its client.',
    tests: [FLOWS],
  },
  {
    name: 'dumpstate-ignores-id',
    file: 'agent/datapath/flow-table.ts',
    find: `        if (serviceId !== undefined && chunk.values.readUInt16LE(flow + FLOW.fields.serviceId.offset) !== serviceId) continue;
`,
    replace: '',
    breaks: 'dumpstate shows the flows of all services.',
    tests: [FLOWS],
  },
  {
    name: 'ended-flows-shown',
    file: 'agent/datapath/flow-table.ts',
    find: 'if (!this.#isExpired(record, timeouts)) yield record;',
    replace: 'yield record;',
    breaks: 'dumpstate shows flows that ended long ago: their slots were not taken since.',
    tests: [FLOWS],
  },
  {
    name: 'busy-slot-read',
    file: 'agent/datapath/flow-record.ts',
    find: 'return protocol !== 0 && protocol < SLOT_YIELDED;',
    replace: 'return protocol !== 0;',
    breaks: 'A flow that is being written is shown half.',
    tests: [FLOWS],
  },
  {
    name: 'seed-of-all-machines',
    file: 'agent/datapath/macros.ts',
    find: '.update(facts.bootIdentity)',
    replace: ".update('')",
    breaks: 'Anybody can work out which tuples share a bucket, and fill it.',
    tests: [MACROS],
  },
  {
    name: 'claims-hashed',
    file: 'agent/datapath/tuple-hash.ts',
    find: 'word & PORTS_MASK : word',
    replace: 'word : word',
    breaks: 'The agent looks for a flow in another slot than the data plane.',
    tests: [HASH],
  },
  {
    name: 'service-without-its-bit',
    file: 'agent/datapath/service-table.ts',
    find: `    if (isNew) this.#vips.add(listAddresses(frontend) ?? 'any');
`,
    replace: '',
    breaks: 'Packets to a new service pass as if it were not there.',
    tests: [VIPS, AGENT],
  },
  {
    name: 'bit-of-a-shared-word-lost',
    file: 'agent/datapath/vip-table.ts',
    find: '(words.get(bit >> 6) ?? 0n) | (1n <<',
    replace: '(1n <<',
    breaks: 'Of two services whose addresses share a word of bits, one gets nothing after the agent starts again.',
    tests: [VIPS],
  },
  {
    name: 'device-index-moves',
    file: 'agent/datapath/device-table.ts',
    find: 'const index = present.get(device.ifindex);',
    replace: 'const index = present.has(device.ifindex) ? devices.indexOf(device) + 1 : undefined;',
    breaks: 'When a device is left out, replies to the clients of the others leave by the wrong device.',
    tests: [DEVICES],
  },
  {
    name: 'generation-forgotten',
    file: 'agent/datapath/backend-table.ts',
    find: `      empty.writeUInt16LE(value.readUInt16LE(generation.offset), generation.offset);
`,
    replace: '',
    breaks: 'A free slot forgets its generation: flows of its old backend go to the next one.',
    tests: [{ file: 'test/agent/datapath/tables.test.ts', only: 'backends:' }],
  },
];
