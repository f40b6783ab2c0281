import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { renderManPage } from '../../../agent/cli/man-page.js';
import { SETTINGS_FLAGS } from '../../../agent/cli/settings-flags.js';
import { VERBS } from '../../../agent/commands/verbs.js';
import { compareGolden } from '../support/golden.js';
import { skipTest } from '../../tools/skip.js';

const PAGE = new URL('../../../man/fairlead.1', import.meta.url);

describe('man/fairlead.1', () => {
  it('is what the commands say of themselves', () => {
    compareGolden(renderManPage(VERBS), PAGE);
  });

  it('is shown by man without a warning, with every command and flag', function () {
    this.timeout(30_000);
    if (spawnSync('which', ['man']).status !== 0) skipTest(this, 'needs man (apt install man-db)');
    const env = { ...process.env, MANWIDTH: '80', LC_ALL: 'C.UTF-8', MAN_KEEP_FORMATTING: '', PAGER: 'cat' };
    const { status, stdout, stderr } = spawnSync('man', ['--warnings', '-E', 'UTF-8', '-l', '-Tutf8', '-Z', fileURLToPath(PAGE)], {
      encoding: 'utf8',
      env,
    });
    assert.deepEqual([status, stderr], [0, '']);
    const shown = spawnSync('man', ['-P', 'cat', '-l', fileURLToPath(PAGE)], { encoding: 'utf8', env }).stdout.replaceAll(/\s+/g, ' ');
    assert.ok(stdout.length > 0);
    for (const { words } of VERBS) assert.ok(shown.includes(words), words);
    for (const { name } of Object.values(SETTINGS_FLAGS)) assert.ok(shown.includes(`--${name}`), name);
  });
});
