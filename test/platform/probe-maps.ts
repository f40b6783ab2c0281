// The maps and programs of fixtures/probe.c as data, for the in-memory fake; and the small numbers-to-bytes helpers of the suite.
// Imports platform/fake's types alone.
// Invariant: the same as the fixture; the suite fails on one of the two otherwise.

import type { FakeMapSpec, FakeProgramSpec } from '../../platform/fake/index.js';

export const PROBE_MAPS: readonly FakeMapSpec[] = [
  { name: 'probe_lru', type: 'lru_hash', keySize: 8, valueSize: 8, maxEntries: 20000 },
  { name: 'probe_hash', type: 'hash', keySize: 8, valueSize: 8, maxEntries: 20000 },
  { name: 'probe_array', type: 'array', keySize: 4, valueSize: 8, maxEntries: 20000 },
  { name: 'probe_percpu', type: 'percpu_array', keySize: 4, valueSize: 4, maxEntries: 8 },
  { name: 'probe_ring', type: 'ringbuf', keySize: 0, valueSize: 0, maxEntries: 4096 },
  {
    name: 'probe_outer',
    type: 'array_of_maps',
    keySize: 4,
    valueSize: 4,
    maxEntries: 16,
    inner: { type: 'array', keySize: 4, valueSize: 8, maxEntries: 100 },
  },
];

export const PROBE_PROGRAMS: readonly FakeProgramSpec[] = [
  {
    name: 'probe_grow',
    maps: ['probe_percpu', 'probe_outer'],
    run: (packet) => ({ verdict: 'tx', packet: Buffer.concat([Buffer.alloc(40), packet]) }),
  },
  {
    name: 'probe_record',
    run: (packet) => {
      const record = packet.subarray(0, 4);
      const records = [record, Buffer.concat([record], 16)].map((one) => ({ map: 'probe_ring', record: one }));
      return { verdict: 'pass', packet, records };
    },
  },
  { name: 'probe_device', maps: ['probe_array'] },
  {
    name: 'probe_refused',
    refused: '2: (73) *(u8 *)(r1 +100) = r2\ninvalid access to packet, off=100 size=1, R1(id=0,off=100,r=0)',
  },
];

/** 4 bytes, host order. */
export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** 8 bytes, host order. */
export function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

/** `count` 8-byte numbers from `first`, back to back. */
export function sequence(first: number, count: number): Buffer {
  const bytes = Buffer.alloc(8 * count);
  for (let i = 0; i < count; i++) bytes.writeBigUInt64LE(BigInt(first + i), 8 * i);
  return bytes;
}
