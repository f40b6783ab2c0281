// The README against the project: its npm scripts, links, dependencies, and the commands that it names.
// The block of the demo's output is compared with a real run by test/samples/demo.test.ts.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';

const root = new URL('../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');

describe('README', () => {
  const readme = read('README.md');
  const project = JSON.parse(read('package.json')) as { scripts: Record<string, string>; dependencies: Record<string, string> };

  it('names only npm scripts that exist', () => {
    const named = [...readme.matchAll(/npm (?:run (?:-s )?)([a-z:]+)/g)].map(([, name]) => name ?? '');
    assert.ok(named.includes('demo') && named.includes('bench'));
    assert.deepEqual(
      named.filter((name) => !(name in project.scripts)),
      [],
    );
  });

  it('links only to files that exist', () => {
    const links = [...readme.matchAll(/\]\(([^)#]+)\)/g)].map(([, path]) => path ?? '');
    assert.ok(links.length > 5);
    assert.deepEqual(
      links.filter((path) => !existsSync(new URL(path, root))),
      [],
    );
  });

  it('says of every runtime dependency why it is there, and of no other', () => {
    const explained = [...readme.matchAll(/^- `([@a-z/-]+)` /gm)].map(([, name]) => name);
    assert.deepEqual(explained.sort(), Object.keys(project.dependencies).sort());
  });

  it('pins exact versions', () => {
    const versions = Object.values(project.dependencies);
    assert.deepEqual(
      versions.filter((version) => !/^\d+\.\d+\.\d+$/.test(version)),
      [],
    );
  });

  it('names only commands that the reference has', () => {
    const reference = read('docs/commands.md');
    const commands = [...readme.matchAll(/`((?:service|backend|mode|neighbor) [a-z]+)/g)].map(([, command]) => command ?? '');
    assert.ok(commands.length > 6);
    assert.deepEqual(
      commands.filter((command) => !reference.includes(command)),
      [],
    );
  });
});
