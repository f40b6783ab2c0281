// DSR with an outer source out of a prefix for each flow, end to end: the backends' kernels take such packets as any other.
// Imports the lab and its siblings. Needs root, native XDP and a current dist/.

import assert from 'node:assert/strict';
import { captureDuring } from '../../samples/founding-lab/capture.js';
import { installDecap } from '../../samples/founding-lab/decap.js';
import type { Lab } from '../../samples/founding-lab/lab.js';
import { DSR, openSetting, requireRoot, SUITE_TIMEOUT, setService } from './support/setting.js';
import { assertAllReached, countPages, download, upload } from './support/traffic.js';

describe('outer sources out of a prefix end to end', function () {
  this.timeout(SUITE_TIMEOUT);
  let lab: Lab;

  before(async function () {
    requireRoot(this);
    const setting = await openSetting({ backends: 2, bigFileBytes: 20 * 1024 * 1024 }, [...DSR, '--ipip-source=10.9.0.0/16']);
    lab = setting.lab;
    for (const host of lab.backends) await installDecap(host, [lab.vip], 'tc');
    await setService(lab, setting.agent, 1);
  });
  after(async () => lab?.remove());

  it('serves every backend, and files whole both ways', async () => {
    await assertAllReached(lab);
    assert.equal(await download(lab), lab.bigFileDigest);
    assert.equal(await upload(lab, 'source'), lab.bigFileDigest);
  });

  it('spreads the flows of one client over many sources of the prefix', async () => {
    const { lines } = await captureDuring(lab, async () => void (await countPages(lab, 64)));
    const outer = lines.flatMap((line) => {
      const [, source, port] = /^IP (10\.9\.\d+\.\d+) > 20\.1\.1\.\d+: IP 20\.1\.1\.100\.(\d+) > /.exec(line) ?? [];
      return source === undefined || port === undefined ? [] : [[port, source] as const];
    });
    const flows = new Map(outer);
    assert.ok(flows.size > 32, `${flows.size} flows in ${lines.slice(0, 5).join('; ')}`);
    for (const [port, source] of outer) assert.equal(source, flows.get(port), `port ${port}`);
    const sources = new Set(flows.values()).size;
    assert.ok(sources > flows.size * 0.9, `${sources} sources of ${flows.size} flows`);
  });
});
