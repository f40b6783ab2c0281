// A reader of pcapng files for tests, written from the draft (draft-ietf-opsawg-pcapng), not from the writer.
// Imports nothing of the product.
// Invariant: whatever does not keep to the format is an error that says where.

import assert from 'node:assert/strict';

export interface ReadPacket {
  readonly device: string;
  /** Since 1970. */
  readonly microseconds: number;
  readonly captured: Buffer;
  readonly bytes: number;
  readonly comment: string;
  readonly flags: number;
  /** epb_verdict: its kind and value. */
  readonly verdict: readonly [kind: number, value: number];
}

interface Device {
  readonly name: string;
  readonly snap: number;
}

export function readPcapng(file: Buffer): { readonly application: string; readonly packets: readonly ReadPacket[] } {
  const devices: Device[] = [];
  const packets: ReadPacket[] = [];
  let application = '';
  for (let at = 0; at < file.length; ) {
    const type = file.readUInt32LE(at);
    const length = file.readUInt32LE(at + 4);
    assert.ok(length % 4 === 0 && length >= 12 && at + length <= file.length, `block at ${at}: length ${length}`);
    assert.equal(file.readUInt32LE(at + length - 4), length, `block at ${at}: lengths differ`);
    const body = file.subarray(at + 8, at + length - 4);
    if (at === 0) assert.equal(type, 0x0a0d0d0a, 'the first block is a section header');
    if (type === 0x0a0d0d0a) {
      assert.equal(body.readUInt32LE(0), 0x1a2b3c4d);
      assert.deepEqual([body.readUInt16LE(4), body.readUInt16LE(6), body.readBigInt64LE(8)], [1, 0, -1n]);
      application = optionsOf(body, 16).get(4)?.toString() ?? '';
    } else if (type === 1) {
      assert.equal(body.readUInt16LE(0), 1, 'Ethernet');
      const options = optionsOf(body, 8);
      assert.equal(options.get(9)?.readUInt8(0), 6, 'microseconds');
      devices.push({ name: options.get(2)?.toString() ?? '', snap: body.readUInt32LE(4) });
    } else packets.push(readPacket(body, type, devices));
    at += length;
  }
  return { application, packets };
}

function readPacket(body: Buffer, type: number, devices: readonly Device[]): ReadPacket {
  assert.equal(type, 6, 'an enhanced packet block');
  const device = devices[body.readUInt32LE(0)];
  assert.ok(device, 'a packet comes behind its interface');
  const captured = body.readUInt32LE(12);
  assert.ok(captured <= device.snap, `${captured} bytes, snap length ${device.snap}`);
  const options = optionsOf(body, 20 + Math.ceil(captured / 4) * 4);
  const verdict = options.get(7) ?? Buffer.alloc(9);
  return {
    device: device.name,
    microseconds: body.readUInt32LE(4) * 2 ** 32 + body.readUInt32LE(8),
    captured: body.subarray(20, 20 + captured),
    bytes: body.readUInt32LE(16),
    comment: options.get(1)?.toString() ?? '',
    flags: options.get(2)?.readUInt32LE(0) ?? 0,
    verdict: [verdict.readUInt8(0), Number(verdict.readBigUInt64LE(1))],
  };
}

/** Options from `at` to the end mark, which is the last thing in the block. */
function optionsOf(body: Buffer, at: number): Map<number, Buffer> {
  const options = new Map<number, Buffer>();
  for (let next = at; ; ) {
    const [code, length] = [body.readUInt16LE(next), body.readUInt16LE(next + 2)];
    if (code === 0) {
      assert.equal(next + 4, body.length, 'nothing stands behind the end of options');
      return options;
    }
    options.set(code, body.subarray(next + 4, next + 4 + length));
    next += 4 + Math.ceil(length / 4) * 4;
  }
}
