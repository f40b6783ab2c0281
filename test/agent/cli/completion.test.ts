import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { completionScript, SHELLS } from '../../../agent/cli/completion.js';
import { readCommandLine } from '../../../agent/cli/command-line.js';

const MAIN = fileURLToPath(new URL('../../../dist/program/main.js', import.meta.url));

describe('completion in shells', function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-shell-'));
  const program = join(folder, 'fairlead');

  before(() => {
    writeFileSync(program, `#!/bin/sh\nexec ${process.execPath} ${MAIN} "$@"\n`);
    chmodSync(program, 0o755);
  });
  after(() => rmSync(folder, { recursive: true }));

  const env = { ...process.env, PATH: `${folder}:${process.env['PATH']}` };

  /** What bash would put in the place of the last word, as readline takes words apart. */
  function inBash(line: string): string[] {
    const script = `source <(fairlead completion bash)
COMP_LINE=${quote(line)}; COMP_POINT=\${#COMP_LINE}
COMP_WORDS=(${splitAsReadline(line).map(quote).join(' ')}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
_fairlead
printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { status, stdout, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8', env });
    assert.deepEqual([status, stderr], [0, '']);
    return stdout.split('\n').filter((word) => word !== '');
  }
  const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  /** COMP_WORDBREAKS holds '=' and ':', each of which is a word. */
  const splitAsReadline = (line: string) => {
    const words = line.split(/([=:])|\s+/).filter((word) => word !== undefined && word !== '');
    return /\s$/.test(line) ? [...words, ''] : words;
  };

  it('offers words of commands, flags and values', () => {
    assert.deepEqual(inBash('fairlead serv'), ['service ']);
    assert.deepEqual(inBash('fairlead service u'), ['update ']);
    assert.ok(inBash('fairlead mode update ').includes('dsr'));
    assert.deepEqual(inBash('fairlead agent --dsr-dis'), ['--dsr-dispatch=']);
    assert.deepEqual(inBash('fairlead agent --dsr-dispatch=l'), ['l2']);
    assert.deepEqual(inBash('fairlead agent --dsr-dispatch='), ['ipip', 'l2']);
  });

  it('offers nothing, and says nothing, where no agent can tell', () => {
    assert.deepEqual(inBash('fairlead --instance=nobody service get --id='), []);
    assert.deepEqual(inBash("fairlead 'x $(touch /tmp/no)"), []);
  });

  it('has scripts that their shells can read', () => {
    // bash is everywhere; the others are read where they are.
    const present = (['bash', 'zsh', 'fish'] as const).filter((shell) => spawnSync('which', [shell]).status === 0);
    assert.ok(present.includes('bash'));
    for (const shell of present) {
      const { status, stderr } = spawnSync(shell, ['-n'], { input: completionScript(shell), encoding: 'utf8' });
      assert.deepEqual([status, stderr], [0, ''], shell);
    }
  });

  it('names the shells that it has scripts for', () => {
    for (const shell of SHELLS) assert.match(completionScript(shell), /__complete/);
    assert.throws(() => completionScript('tcsh'), /FL_E_USAGE|tcsh is no shell/);
    assert.throws(() => completionScript(undefined), /no shell is given/);
  });

  it('asks the agent that the line names', () => {
    const socketOf = (line: string) => {
      const read = readCommandLine(['__complete', line]);
      return read.kind === 'complete' ? read.socket : assert.fail(read.kind);
    };
    assert.equal(socketOf('--instance=lab service get --id='), '/run/fairlead/lab.sock');
    assert.equal(socketOf('service get --id='), '/run/fairlead/default.sock');
    assert.equal(socketOf('--instance=../../x service'), '/run/fairlead/default.sock');
    assert.equal(socketOf(''), '/run/fairlead/default.sock');
  });
});
