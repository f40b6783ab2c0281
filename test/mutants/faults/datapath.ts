// Faults in how the agent reads and clears the flows.
// Imports the types and runs.ts.

import type { Mutant } from '../mutant.js';

const SWEEP = { file: 'test/agent/datapath/flow-sweep.test.ts' };
const FLOWS = { file: 'test/agent/datapath/flow-table.test.ts' };
const LIFE = { file: 'test/agent/datapath/flow-life.test.ts' };

export const datapathMutants: readonly Mutant[] = [
  {
    name: 'sweep-trusts-its-batch',
    file: 'agent/datapath/flow-sweep.ts',
    find: `const key = copyKey(chunk, i, tupleLayout.size);
      const value = maps.conntrack.lookup(key);`,
    replace: `const key = copyKey(chunk, i, tupleLayout.size);
      const value = Buffer.from(chunk.values.subarray(i * FLOW.size, (i + 1) * FLOW.size));`,
    breaks: 'A flow that gets a packet while the sweep reads is deleted all the same.',
    tests: [SWEEP],
  },
  {
    name: 'sweep-leaves-last-of-batch',
    file: 'agent/datapath/flow-sweep.ts',
    find: 'if (!flowMayHaveEnded(chunk, i,',
    replace: 'if (i === chunk.count - 1 || !flowMayHaveEnded(chunk, i,',
    breaks: 'The last entry of each batch is never looked at.',
    tests: [SWEEP],
  },
  {
    name: 'sweep-forgets-reverse',
    file: 'agent/datapath/flow-sweep.ts',
    find: 'ended.add(key, found?.key);',
    replace: 'ended.add(key, undefined);',
    breaks: 'A swept flow leaves its reverse entry, which holds its port for six hours.',
    tests: [SWEEP],
  },
  {
    name: 'closing-swept-late',
    file: 'agent/datapath/flow-life.ts',
    find: '=== 0 ? open : Math.min(open, timeouts.closing);',
    replace: '=== 0 ? open : open;',
    breaks: 'The sweep looks at a closed connection only after six hours.',
    tests: [SWEEP, LIFE],
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
    find: '    reverse.clientPort === tuple.sport &&\n',
    replace: '',
    breaks: 'A flow shows the reply counters of another flow of its client.',
    tests: [FLOWS, SWEEP],
  },
  {
    name: 'dumpstate-ignores-id',
    file: 'agent/datapath/flow-table.ts',
    find: '          if (filter.serviceId !== undefined && serviceId !== filter.serviceId) continue;\n',
    replace: '',
    breaks: 'dumpstate shows the flows of all services.',
    tests: [FLOWS],
  },
  {
    name: 'generation-forgotten',
    file: 'agent/datapath/backend-table.ts',
    find: '      empty.writeUInt16LE(generation, layout.backend.fields.generation.offset);\n',
    replace: '',
    breaks: 'A free slot forgets its generation: flows of its old backend go to the next one.',
    tests: [{ file: 'test/agent/datapath/tables.test.ts', only: 'backends:' }],
  },
];
