import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { commandText } from '../../../agent/doctor/commands.js';

describe('commands as text', () => {
  it('plain words stay plain', () => {
    assert.equal(commandText(['ip', 'address', 'add', '2001:db8::1/128', 'dev', 'lo']), 'ip address add 2001:db8::1/128 dev lo');
    assert.equal(commandText(['sysctl', '-w', 'a.b=1 2']), "sysctl -w 'a.b=1 2'");
  });

  it('a shell reads the same words from it', () => {
    const word = fc.string({ unit: fc.constantFrom(...'aZ0 \'"$`\\*?~#&;|<>()[]{}!=-\n'), maxLength: 12 });
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 20 }), (words) => {
        const read = execFileSync('sh', ['-c', commandText(['printf', '%s\\0', ...words])], { encoding: 'utf8' });
        assert.deepEqual(read.split('\0').slice(0, -1), words);
      }),
      { numRuns: 30 },
    );
  });
});
