import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

interface Ended {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

function run(...words: string[]): Ended {
  const env = { ...process.env, NO_COLOR: '', FAIRLEAD_DEBUG: '' };
  const ended = spawnSync(process.execPath, ['dist/program/main.js', ...words], { encoding: 'utf8', input: '', env });
  return { status: ended.status, out: ended.stdout, err: ended.stderr };
}

describe('the program', function () {
  this.timeout(60_000);

  it('prints help and version on the standard output and is done', () => {
    const help = run('--help');
    assert.equal(help.status, 0);
    assert.equal(help.err, '');
    assert.equal(help.out, readFileSync(new URL('golden/help.txt', import.meta.url), 'utf8'));
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    assert.deepEqual(run('--version'), { status: 0, out: `fairlead ${version}\n`, err: '' });
  });

  it('ends wrong usage with status 2, an error and a hint, and no stack', () => {
    for (const words of [[], ['--devic=eth0'], ['--device=eth0', '--max-flows=none'], ['--device=eth0', 'service', 'list']]) {
      const { status, out, err } = run(...words);
      assert.equal(status, 2);
      assert.equal(out, '');
      assert.match(err, /^error: .*\(FL_E_(USAGE|VALUE)\)\n/);
      assert.doesNotMatch(err, /^\s+at /m);
    }
  });
});
