// `npm run lint`, second half: the one-way import rule of docs/architecture.md, and that imported files exist.
// Imports tools/import-rules.ts. Prints one line for each import that breaks a rule.
// Invariant: exit status 1 when there is one, else 0.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findViolations } from './import-rules.js';

const root = process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url));
const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.ts'], { cwd: root, encoding: 'utf8' });
const files = listed.split('\n').filter((path) => path !== '' && existsSync(join(root, path)));
const violations = findViolations(files.map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') })));
for (const line of violations) process.stdout.write(`${line}\n`);
process.stdout.write(`imports: ${files.length} files, ${violations.length} violations\n`);
process.exitCode = violations.length === 0 ? 0 : 1;
