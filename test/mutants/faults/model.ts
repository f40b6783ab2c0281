// Faults in what a person may ask for, and in the Maglev tables.
// Imports the types and runs.ts.

import type { Mutant } from '../mutant.js';
import { PARSE, VALIDATE } from './runs.js';

const MAGLEV = { file: 'test/agent/model/maglev.test.ts' };

export const modelMutants: readonly Mutant[] = [
  {
    name: 'port-0',
    file: 'agent/model/parse-endpoint.ts',
    find: "return parseInteger(text, { kind: 'port',",
    replace: "return text === '0' ? 0 : parseInteger(text, { kind: 'port',",
    breaks: 'Port 0 is accepted, which no packet can have.',
    tests: [PARSE],
  },
  {
    name: 'port-65536',
    file: 'agent/model/parse-value.ts',
    find: 'value <= range.max)',
    replace: 'value <= range.max + 1)',
    breaks: 'Port 65536 is accepted and becomes port 0 in the map.',
    tests: [PARSE],
  },
  {
    name: 'octal-address',
    file: 'agent/model/address.ts',
    find: ' || (digits > 0 && value === 0)',
    replace: '',
    breaks: '010.0.0.1 is read as 10.0.0.1, where other programs read 8.0.0.1.',
    tests: [{ file: 'test/agent/model/address.test.ts' }, PARSE],
  },
  {
    name: 'duplicate-frontend',
    file: 'agent/model/validate.ts',
    find: 'if (conflicts(frontend, theirs)) {',
    replace: 'if (conflicts(frontend, theirs) && theirs.port === 0) {',
    breaks: 'Two services may have one frontend: the second takes the first one’s traffic.',
    tests: [VALIDATE],
  },
  {
    name: 'udp-is-tcp',
    file: 'agent/model/frontend.ts',
    find: ' || one.protocol !== other.protocol) return false;',
    replace: ') return false;',
    breaks: 'A TCP and a UDP service cannot share address and port.',
    tests: [VALIDATE],
  },
  {
    name: 'maglev-ignores-weights',
    file: 'agent/model/maglev.ts',
    find: 'const weight = Int32Array.from(order, (backend) => backend.weight);',
    replace: 'const weight = Int32Array.from(order, () => 1);',
    breaks: 'All backends get the same share.',
    tests: [MAGLEV],
  },
  {
    name: 'maglev-order-of-input',
    file: 'agent/model/maglev.ts',
    find: '  order.sort(compareKeys);\n',
    replace: '',
    breaks: 'Two nodes that were given the backends in another order send one flow to two backends.',
    tests: [MAGLEV],
  },
  {
    name: 'digest-without-ids',
    file: 'agent/model/digest.ts',
    find: 'backend.backendId}',
    replace: '0}',
    breaks: 'A backend that got another slot keeps a table that names its old one.',
    tests: [MAGLEV],
  },
];
