// The import rule's own test: what it must find, and what it must leave alone.
// Imports tools/import-rules.ts.

import assert from 'node:assert/strict';
import { findViolations, importedNames, type SourceFile } from '../../tools/import-rules.js';

const file = (path: string, text = ''): SourceFile => ({ path, text });

describe('import rules', () => {
  it('finds every form of import, and none in comments or templates', () => {
    const text = `// import { a } from './comment.js'
/* import './block.js' */
import './bare.js';
import type { B } from './type.js';
import {
  c,
} from './lines.js';
export { d } from './again.js';
const url = 'https://example.org'; const e = await import('./later.js');
const madeUp = \`
import { f } from './template.js';
\`;
`;
    assert.deepEqual(importedNames(text), ['./bare.js', './type.js', './lines.js', './again.js', './later.js']);
  });

  it('accepts the direction of the architecture', () => {
    const files = [
      file('agent/model/errors.ts'),
      file('platform/port.ts', "import type { A } from '../agent/model/errors.js';"),
      file('platform/linux/map.ts', "import type { B } from '../port.js';\nimport { C } from '../../agent/model/errors.js';"),
      file('agent/control/a.ts', "import type { B } from '../../platform/port.js';"),
      file('agent/main.ts', "await import('../platform/linux/map.js');"),
    ];
    assert.deepEqual(findViolations(files), []);
  });

  const forbidden: readonly (readonly [string, string, string])[] = [
    ['a model that knows the port', 'agent/model/a.ts', 'platform/port.ts'],
    ['an adapter that knows the data path', 'platform/linux/a.ts', 'agent/datapath/b.ts'],
    ['an adapter that knows another', 'platform/windows/a.ts', 'platform/linux/b.ts'],
    ['control that names an adapter', 'agent/control/a.ts', 'platform/linux/b.ts'],
    ['control that knows a command', 'agent/control/a.ts', 'agent/commands/b.ts'],
    ['a command that reaches into the data path', 'agent/commands/a.ts', 'agent/datapath/b.ts'],
    ['the product importing a test', 'agent/model/a.ts', 'test/b.ts'],
  ];
  for (const [title, from, to] of forbidden) {
    it(`refuses ${title}`, () => {
      const up = '../'.repeat(from.split('/').length - 1);
      const found = findViolations([file(from, `import { x } from '${up}${to.replace(/ts$/, 'js')}';`), file(to)]);
      assert.equal(found.length, 1);
      assert.match(found[0] ?? '', new RegExp(`^${from}: imports ${to}; `));
    });
  }

  it('refuses an import of a file that does not exist, and a folder without a rule', () => {
    assert.match(findViolations([file('agent/model/a.ts', "import './b.js';")])[0] ?? '', /b\.ts, which does not exist/);
    assert.match(findViolations([file('elsewhere/a.ts')])[0] ?? '', /no rule/);
  });
});
