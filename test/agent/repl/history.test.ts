import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { historyPath, prepareHistory } from '../../../agent/repl/history.js';

describe('the history of the prompt', () => {
  it('stands where the XDG specification says', () => {
    assert.equal(historyPath({ HOME: '/root' }), '/root/.local/state/fairlead/history');
    assert.equal(historyPath({ HOME: '/root', XDG_STATE_HOME: '/s' }), '/s/fairlead/history');
    assert.equal(historyPath({ HOME: '/root', XDG_STATE_HOME: 'relative' }), '/root/.local/state/fairlead/history');
    assert.equal(historyPath({}), undefined);
  });

  it('stands in the local folder of a person on Windows, where a shell may have set HOME too', () => {
    const environment = { HOME: 'C:\\Users\\me', LOCALAPPDATA: 'C:\\Users\\me\\AppData\\Local' };
    assert.equal(historyPath(environment), 'C:\\Users\\me\\AppData\\Local\\Fairlead\\history');
  });

  it('is made readable for this person alone, and keeps what it holds', () => {
    const folder = mkdtempSync(join(tmpdir(), 'fairlead-history-'));
    try {
      const file = join(folder, 'a', 'history');
      assert.ok(prepareHistory(file));
      writeFileSync(file, 'mode get\n');
      chmodSync(file, 0o644);
      assert.ok(prepareHistory(file));
      assert.equal(statSync(file).mode & 0o777, 0o600);
      assert.equal(readFileSync(file, 'utf8'), 'mode get\n');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('is done without where no file can be', () => {
    assert.equal(prepareHistory('/proc/nowhere/history'), false);
  });
});
