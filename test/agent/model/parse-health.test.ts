// The texts of health checks that depend on the system.

import assert from 'node:assert/strict';
import { findCommandProblem } from '../../../agent/model/parse-health.js';

describe('the program of a health check by exec', () => {
  const noPath = 'the program is not an absolute path';

  it('is an absolute path of its system', () => {
    for (const path of [String.raw`C:\checks\lb.exe`, 'd:/checks/lb.exe']) {
      assert.equal(findCommandProblem([path, '--fast'], 'win32'), undefined);
      assert.equal(findCommandProblem([path], 'linux'), noPath);
    }
    assert.equal(findCommandProblem(['/usr/local/bin/check'], 'linux'), undefined);
  });

  it('is neither searched for nor on whatever drive is the current one', () => {
    for (const path of ['lb.exe', String.raw`\checks\lb.exe`, '/checks/lb.exe', 'C:lb.exe', ''])
      assert.equal(findCommandProblem([path], 'win32'), noPath);
  });
});
