import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isBlankLine, splitLine } from '../../../agent/commands/split-line.js';

describe('splitLine', () => {
  it('splits at blanks and keeps quoted text together', () => {
    assert.deepEqual(splitLine('  service   get\t--id=1 '), ['service', 'get', '--id=1']);
    assert.deepEqual(splitLine(`a "b c" 'd "e' f"g h"i ""`), ['a', 'b c', 'd "e', 'fg hi', '']);
    assert.deepEqual(splitLine(''), []);
  });

  it('leaves the backslashes of Windows paths as they are, quoted or not', () => {
    const line = String.raw`config apply C:\new\table.yaml "C:\Program Files\lb.yaml" --api-socket=\\.\pipe\x`;
    const words = [
      'config',
      'apply',
      String.raw`C:\new\table.yaml`,
      String.raw`C:\Program Files\lb.yaml`,
      String.raw`--api-socket=\\.\pipe\x`,
    ];
    assert.deepEqual(splitLine(line), words);
  });

  it('refuses a quote that is not closed', () => {
    assert.throws(() => splitLine('service "get'), { code: 'FL_E_USAGE', message: 'the quote " is not closed' });
  });

  it('gives back any words that were joined in quotes', () => {
    const word = fc.string({ unit: 'binary' }).filter((text) => !text.includes("'"));
    fc.assert(fc.property(fc.array(word), (words) => assert.deepEqual(splitLine(words.map((one) => `'${one}'`).join(' ')), words)));
  });

  it('knows lines that ask for nothing', () => {
    for (const line of ['', '   ', '# x', '  # service list']) assert.ok(isBlankLine(line));
    for (const line of ['a', 'a # b', '"#"']) assert.ok(!isBlankLine(line));
  });
});
