// The bits of addresses that have a service: set before the service, kept when it goes, put right by who knows all that are needed.
// Imports agent/datapath, planes.ts. tuple-hash.test.ts asks the data plane whether it reads the same bits.
// The same tests run over the fake kernel and over this one.

import assert from 'node:assert/strict';
import { encodeIndex, VIP_WORDS } from '../../../agent/datapath/layout.js';
import { vipBit } from '../../../agent/datapath/tuple-hash.js';
import { addressBytes } from '../../../agent/model/address.js';
import type { Frontend } from '../../../agent/model/service.js';
import { HOSTS, mapOf, markSlot, writeFlow } from './flow-fixtures.js';
import { describeTables } from './planes.js';

const ENTRY = { id: 7, backendCount: 1, maglevDigest: 1, action: 'snat' } as const;
const WEB: Frontend = { address: '40.1.1.1', port: 80, protocol: 'tcp' };
const WEB6: Frontend = { ...WEB, address: '2001:db8::40' };

const bytesOf = ({ address }: Frontend): Uint8Array => addressBytes(address);
const bitsOf = (...frontends: Frontend[]): number[] => [...new Set(frontends.map((one) => vipBit(bytesOf(one))))].sort((a, b) => a - b);

/** The next address whose bit stands in the same word as that of `frontend`, and is the same one or is another. */
function neighbourOf(frontend: Frontend, same: boolean): Frontend {
  const wanted = vipBit(bytesOf(frontend));
  const bytes = Buffer.from(bytesOf(frontend));
  for (;;) {
    bytes.writeUInt32BE(bytes.readUInt32BE() + 1);
    const bit = vipBit(bytes);
    if (bit >> 6 === wanted >> 6 && (bit === wanted) === same) return { ...frontend, address: bytes.join('.') };
  }
}

describeTables('bits of addresses with a service', (plane) => {
  const services = () => plane().datapath.services;
  const vips = () => plane().datapath.vips;

  /** All bits that are set. */
  function bits(): number[] {
    const found: number[] = [];
    for (let word = 0; word < VIP_WORDS; word++) {
      const value = (mapOf(plane(), 'vips').lookup(encodeIndex(word)) as Buffer).readBigUInt64LE();
      for (let i = 0; i < 64; i++) if ((value >> BigInt(i)) & 1n) found.push(word * 64 + i);
    }
    return found;
  }

  it('an address has its bit from its first service on, and keeps it for the flows that may live', () => {
    assert.deepEqual(bits(), []);
    services().set(WEB, ENTRY);
    services().set({ ...WEB, port: 443 }, ENTRY);
    services().set(WEB6, ENTRY);
    assert.deepEqual(bits(), bitsOf(WEB, WEB6));
    services().delete(WEB);
    assert.deepEqual(bits(), bitsOf(WEB, WEB6));
  });

  it('addresses whose bits stand in one word, or are one, do each other no harm', () => {
    const [sameBit, sameWord] = [neighbourOf(WEB, true), neighbourOf(WEB, false)];
    for (const frontend of [WEB, sameBit, sameWord]) services().set(frontend, ENTRY);
    assert.deepEqual(bits(), bitsOf(WEB, sameWord));
    assert.equal(bits().length, 2);
    vips().retain([WEB, sameBit, sameWord].map(bytesOf));
    assert.deepEqual(bits(), bitsOf(WEB, sameWord));
    vips().retain([sameBit].map(bytesOf));
    assert.deepEqual(bits(), bitsOf(WEB));
  });

  it('who knows all addresses takes the other bits away, and sets those that were lost', () => {
    mapOf(plane(), 'vips').update(encodeIndex(VIP_WORDS - 1), Buffer.alloc(8, 0xff));
    services().set(WEB, ENTRY);
    vips().retain([WEB6].map(bytesOf));
    assert.deepEqual(bits(), bitsOf(WEB6));
    vips().retain([]);
    assert.deepEqual(bits(), []);
  });

  it('the addresses of flows are those of all slots in use, of both families, each once', async () => {
    for (const family of [4, 6] as const) for (const n of [1, 2]) writeFlow(plane(), { n, family });
    writeFlow(plane(), { n: 3, flow: { backendGeneration: 4 } });
    const found = async () => (await plane().datapath.flows.serviceAddresses()).map((address) => Buffer.from(address).toString('hex'));
    const hex = (address: string) => Buffer.from(addressBytes(address)).toString('hex');
    assert.deepEqual(await found(), [hex(HOSTS[4].vip), hex(HOSTS[6].vip)]);
    for (const how of ['empty', 'freed', 'busy'] as const) for (const n of [1, 2]) markSlot(plane(), { n, family: 6 }, 'flow', how);
    assert.deepEqual(await found(), [hex(HOSTS[4].vip)]);
  });
});
