// A download by curl that goes on as long as the test wants: read slowly until finish() is called, then to its end.
// Imports samples/founding-lab and Node.
// Invariant: the connection carries data all the time, so that whatever is done meanwhile is done to a live flow.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Family } from '../../../agent/model/address.js';
import type { Lab } from '../../../samples/founding-lab/lab.js';

/** Of labs whose big file is downloaded this way: read at 1.3 MB a second it lasts for 25 s, then it is over in less than one. */
export const LONG_FILE_BYTES = 32 * 1024 * 1024;
/** Between two pieces of 64 KB, milliseconds. */
const PAUSE = 50;

export interface LongDownload {
  /** Bytes received until now. */
  readonly bytes: number;
  /** Reads the rest and asserts that the content is the big file's, by one connection without an error. */
  finish(): Promise<void>;
  /** Waits for the connection's end, and asserts that it was cut. */
  isCut(): Promise<void>;
}

/** Begins to download the big file from `localPort` (below 32768, where the kernel takes none by itself); returns when data comes. */
export async function startLongDownload(lab: Lab, localPort: number, port = 80, family: Family = 4): Promise<LongDownload> {
  const url = lab.url(family, { port, path: '/big' });
  const command = ['curl', '-sS', '--fail', '-m', '60', '--no-buffer', '--local-port', String(localPort), url];
  const curl = lab.host('client').spawn(command, { stdio: ['ignore', 'pipe', 'pipe'] });
  const digest = createHash('sha256');
  const { stdout, stderr } = curl;
  assert.ok(stdout && stderr);
  const ended = once(curl, 'close');
  let words = '';
  stderr.setEncoding('utf8').on('data', (text: string) => {
    words += text;
  });
  let bytes = 0;
  let hurry = false;
  const read = (async () => {
    for await (const piece of stdout) {
      bytes += (piece as Buffer).length;
      digest.update(piece as Buffer);
      if (!hurry) await sleep(PAUSE);
    }
  })();
  for (let waited = 0; bytes === 0; waited += 10) {
    assert.ok(curl.exitCode === null && waited < 10_000, `no data from ${url}: ${words}`);
    await sleep(10);
  }
  return {
    get bytes() {
      return bytes;
    },
    async finish() {
      assert.equal(curl.exitCode, null, `the download was over before its time: ${words}`);
      hurry = true;
      await read;
      const [status] = (await ended) as [number];
      assert.deepEqual([status, words], [0, '']);
      assert.equal(digest.digest('hex'), lab.bigFileDigest);
    },
    async isCut() {
      hurry = true;
      await read;
      await ended;
      assert.match(words, /reset by peer/);
    },
  };
}
