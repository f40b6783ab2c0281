import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VERBS } from '../../../agent/commands/verbs.js';
import { assertWidth, compareGolden } from '../support/golden.js';
import { answer } from '../support/run-with-double.js';

describe('help', () => {
  it('lists every command', async () => {
    const { out } = await answer('help');
    compareGolden(out, new URL('golden/help.txt', import.meta.url));
    for (const verb of VERBS) assert.ok(out.includes(`\n  ${verb.words}`), verb.words);
    assert.equal((await answer('--help')).out, out);
  });

  it('explains each command in 80 columns, by help and by --help alike', async () => {
    let all = '';
    for (const verb of VERBS) {
      const { out, status } = await answer(`help ${verb.words}`);
      assert.equal(status, 0);
      assert.equal((await answer(`${verb.words} --help`)).out, out);
      assert.equal((await answer(`${verb.words} -h`)).out, out);
      assertWidth(out, 80);
      all += `${'-'.repeat(80)}\n${out}`;
    }
    compareGolden(all, new URL('golden/help-all.txt', import.meta.url));
  });

  it('explains a noun', async () => {
    const { out } = await answer('help mode');
    assert.match(out, /^ {2}mode get .*\n {2}mode update .*\n$/);
    assert.equal((await answer('mode --help')).out, out);
  });

  it('the examples are right: each runs', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fairlead-examples-'));
    let files = 0;
    const config = join(folder, 'config.yaml');
    writeFileSync(config, 'version: 1\nmode: snat\nservices: []\n');
    const rules = join(folder, 'ipvsadm.rules');
    writeFileSync(rules, '-A -t 40.1.1.1:80 -s mh\n');
    for (const verb of VERBS) {
      for (const example of verb.examples) {
        // A capture makes a file; a configuration is read from one.
        const made = example
          .replace(/--file=\S+/, () => `--file=${join(folder, String(files++))}`)
          .replace('/etc/fairlead/config.yaml', config)
          .replace('/etc/ipvsadm.rules', rules);
        const { err } = await answer(made);
        assert.doesNotMatch(err, /error:/, example);
      }
    }
    rmSync(folder, { recursive: true, force: true });
  });
});
