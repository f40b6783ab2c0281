// What a command in a shell loads: packages that take longer than the command itself must not be among it.
// Runs dist/program/main.js with V8's own record of the scripts that it ran. No time is measured.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../../dist/program/main.js', import.meta.url));

/** Packages of node_modules that the program has loaded. */
function packagesOf(...words: readonly string[]): readonly string[] {
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-loaded-'));
  try {
    spawnSync(process.execPath, [MAIN, ...words], { env: { ...process.env, NODE_V8_COVERAGE: folder }, encoding: 'utf8' });
    const scripts = readdirSync(folder).flatMap((file) => {
      const { result } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as { result: { url: string }[] };
      return result.map(({ url }) => url);
    });
    assert.ok(
      scripts.some((url) => url.endsWith('dist/program/main.js')),
      'the record names the program itself',
    );
    const names = scripts.map((url) => /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1]);
    return [...new Set(names.filter((name) => name !== undefined))].sort();
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('what the program loads', function () {
  this.timeout(30_000);

  it('of a command to an agent is commander alone', () => {
    const nowhere = '--api-socket=/nonexistent/fairlead.sock';
    for (const words of [['--version'], ['--help'], [nowhere, 'service', 'list'], [nowhere, 'status']])
      assert.deepEqual(packagesOf(...words), ['commander'], words.join(' '));
  });

  it('of a command that reads a configuration file is what reads it', () => {
    assert.deepEqual(
      packagesOf('config', 'check', '/nonexistent.yaml').filter((name) => ['fastify', 'koffi', 'prom-client'].includes(name)),
      [],
    );
  });
});
