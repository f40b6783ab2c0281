// `npm run lint`, second half: the one-way import rule of docs/architecture.md, and that imported files exist.
// Imports tools/import-rules.ts. Prints one line for each import that breaks a rule.
// Invariant: exit status 1 when there is one, else 0.

import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findViolations } from './import-rules.js';

/** Top folders that hold no source: what .gitignore names, and hidden ones. */
const SKIPPED = /^(\.|node_modules$|dist$|build$)/;

const root = process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url));
const tops = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory() && !SKIPPED.test(entry.name));
const entries = tops.flatMap((top) => readdirSync(join(root, top.name), { recursive: true, withFileTypes: true }));
const files = entries.filter((entry) => entry.isFile() && entry.name.endsWith('.ts')).map((entry) => join(entry.parentPath, entry.name));
const violations = findViolations(files.map((file) => ({ path: relative(root, file), text: readFileSync(file, 'utf8') })));
for (const line of violations) process.stdout.write(`${line}\n`);
process.stdout.write(`imports: ${files.length} files, ${violations.length} violations\n`);
process.exitCode = violations.length === 0 ? 0 : 1;
