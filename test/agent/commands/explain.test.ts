import assert from 'node:assert/strict';
import { answer } from '../support/run-with-double.js';

describe('explain', () => {
  it('takes the flow with and without its arrow, quoted or not', async () => {
    const plain = await answer('explain 20.1.1.100:40000 40.1.1.1:80');
    assert.equal(plain.status, 0);
    for (const line of ['20.1.1.100:40000 -> 40.1.1.1:80', "'20.1.1.100:40000 -> 40.1.1.1:80 tcp'", '20.1.1.100:40000->40.1.1.1:80/tcp']) {
      assert.deepEqual(await answer(`explain ${line}`), plain, line);
    }
  });

  it('leaves the arrow to other commands as a word that they do not know', async () => {
    const { err, status } = await answer('neighbor update -> 20.1.1.10');
    assert.deepEqual([status, /->/.test(err)], [2, true]);
  });

  it('fails when the program does otherwise than was said, and says what', async () => {
    const { out, err, status } = await answer('explain 20.1.1.100:1 40.1.1.1:80');
    assert.match(out, /the program does otherwise: the program \(digest/);
    assert.match(err, /^error: the program does otherwise than was said: source port: 14335 was said, 14336 it is \(FL_E_CONFLICT\)/);
    assert.equal(status, 1);
  });

  it('does not fail for want of a proof', async () => {
    const { out, status } = await answer('explain 20.1.1.100:2 40.1.1.1:80');
    assert.match(out, /^not proved: the object file is gone$/m);
    assert.equal(status, 0);
  });
});
