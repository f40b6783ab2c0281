// Packages that take tens of milliseconds to load, loaded when they are first used: a command in a shell answers before most of them would be there.
// Imports node:module. `import()` would do the same, and make all that uses them asynchronous.
// Invariant: a package is loaded once, and not at all where nothing uses it (test/agent/cli/loaded.test.ts).

import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

export const loadYaml = (): typeof import('yaml') => require('yaml') as typeof import('yaml');
export const loadAjv = (): typeof import('ajv') => require('ajv') as typeof import('ajv');
