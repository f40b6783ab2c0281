// Faults in what people and programs read: exit status, JSON, input.
// Imports the types.

import type { Mutant } from '../mutant.js';

const LINES = { file: 'test/agent/repl/lines.test.ts' };
const JSON_FORMS = { file: 'test/agent/commands/json.test.ts' };

export const commandMutants: readonly Mutant[] = [
  {
    name: 'exit-status-always-0',
    file: 'agent/repl/line-runner.ts',
    find: '    if (status !== EXIT.done) this.status = status;\n',
    replace: '',
    breaks: 'A script that pipes commands in does not learn that one failed.',
    tests: [LINES],
  },
  {
    name: 'exit-status-of-last-line',
    file: 'agent/repl/line-runner.ts',
    find: 'if (status !== EXIT.done) this.status = status;',
    replace: 'this.status = status;',
    breaks: 'A command that failed is forgotten when a later one succeeds.',
    tests: [LINES],
  },
  {
    name: 'lines-after-exit-run',
    file: 'agent/repl/line-runner.ts',
    find: '    if (this.left !== undefined) return;\n',
    replace: '',
    breaks: 'Commands after `exit` are still carried out.',
    tests: [LINES],
  },
  {
    name: 'json-leaves-out-unknown',
    file: 'agent/commands/formats.ts',
    find: '(one === undefined ? null : one)',
    replace: 'one',
    breaks: 'JSON objects lack the keys whose value is unknown.',
    tests: [JSON_FORMS],
  },
  {
    name: 'json-key-renamed',
    file: 'agent/commands/service-dumpstate.ts',
    find: "name: 'flows'",
    replace: "name: 'states'",
    breaks: 'Programs that read dumpstate’s JSON find no flows.',
    tests: [JSON_FORMS],
  },
  {
    name: 'json-id-as-text',
    file: 'agent/commands/service-dumpstate.ts',
    find: 'head: { service: id }',
    replace: 'head: { service: String(id) }',
    breaks: 'The service id in dumpstate’s JSON becomes text.',
    tests: [JSON_FORMS],
  },
];
