// What the Windows adapter reads out of the system's memory, and what it makes of it: no call of Windows' is made here.
// Imports platform/windows. The buffers are constructed by the offsets of Microsoft's headers, none was recorded.

import assert from 'node:assert/strict';
import { decodeAdapters } from '../../../platform/windows/interfaces.js';
import { FORWARD_ROW, NEIGHBOUR_ROW } from '../../../platform/windows/iphlpapi.js';
import { decodeNeighbours } from '../../../platform/windows/neighbours.js';
import { decodeDynamicPorts } from '../../../platform/windows/network.js';
import { pinName, requirePinPath } from '../../../platform/windows/pins.js';
import { decodeRoutes, findRoute, type RouteRow } from '../../../platform/windows/routes.js';
import { makeSockaddr, readSockaddr } from '../../../platform/windows/sockaddr.js';
import { differences } from '../../../platform/windows/watch.js';
import type { InterfaceInfo, NetworkEvent } from '../../../platform/port.js';
import { withCode } from '../conformance.js';

const MAC = Buffer.from('02aabbccddee', 'hex');
/** Where the system is said to have written; pointers are relative to it. */
const BASE = 0x7ff0_0000_0000n;

/** A list of adapters, each with its addresses: [text, prefix length, DAD state, suffix origin]. */
function adapters(
  list: readonly {
    name: string;
    index: number;
    up: boolean;
    mac: Buffer;
    addresses: readonly (readonly [string, number, number, number])[];
  }[],
): Buffer {
  const memory = Buffer.alloc(64 * 1024);
  let free = 0;
  const take = (bytes: number): number => {
    free += bytes + 7;
    return free - bytes - 7;
  };
  const point = (at: number, to: number): void => void memory.writeBigUInt64LE(BASE + BigInt(to), at);
  let link: number | undefined;
  for (const { name, index, up, mac, addresses } of list) {
    const at = take(0x100);
    if (link !== undefined) point(link, at);
    link = at + 0x08;
    memory.writeUInt32LE(index, at + 0x04);
    mac.copy(memory, at + 0x50);
    memory.writeUInt32LE(mac.length, at + 0x58);
    memory.writeUInt32LE(1500, at + 0x60);
    memory.writeUInt32LE(up ? 1 : 2, at + 0x68);
    const text = Buffer.from(`${name}\0`, 'utf16le');
    const wide = take(text.length);
    text.copy(memory, wide);
    point(at + 0x48, wide);
    let previous = at + 0x18;
    for (const [address, prefixLength, dad, suffix] of addresses) {
      const one = take(0x40);
      point(previous, one);
      previous = one + 0x08;
      const sockaddr = take(28);
      makeSockaddr(address).copy(memory, sockaddr);
      point(one + 0x10, sockaddr);
      memory.writeUInt32LE(suffix, one + 0x24);
      memory.writeUInt32LE(dad, one + 0x28);
      memory.writeUInt8(prefixLength, one + 0x38);
    }
  }
  return memory;
}

const PREFERRED = 4;
const device = (index: number, ...addresses: readonly (readonly [string, number])[]): InterfaceInfo => ({
  name: `device ${index}`,
  index,
  mac: '02:aa:bb:cc:dd:ee',
  mtu: 1500,
  up: true,
  addresses: addresses.map(([address, prefixLength]) => ({ address, prefixLength })),
});

describe('tables of Windows', () => {
  it('socket addresses of both families are written and read', () => {
    for (const address of ['192.0.2.7', '2001:db8::7']) assert.equal(readSockaddr(makeSockaddr(address), 0), address);
    assert.equal(readSockaddr(Buffer.alloc(28), 0), undefined);
    assert.throws(() => makeSockaddr('nonsense'), withCode('FL_E_VALUE', /nonsense/));
  });

  it('adapters come with friendly name, MAC, MTU, and the addresses that traffic can begin from', () => {
    const memory = adapters([
      {
        name: 'Ethernet 2',
        index: 7,
        up: true,
        mac: MAC,
        addresses: [
          ['2001:db8::5', 64, PREFERRED, 2],
          ['fe80::1', 64, PREFERRED, 4],
          ['192.0.2.5', 24, PREFERRED, 3],
          ['2001:db8::77', 64, PREFERRED, 5],
          ['2001:db8::99', 64, 1, 2],
          ['169.254.3.4', 16, PREFERRED, 5],
        ],
      },
      { name: 'Loopback Pseudo-Interface 1', index: 1, up: false, mac: Buffer.alloc(0), addresses: [['127.0.0.1', 8, PREFERRED, 2]] },
    ]);
    assert.deepEqual(decodeAdapters(memory, BASE), [
      {
        name: 'Ethernet 2',
        index: 7,
        mac: '02:aa:bb:cc:dd:ee',
        mtu: 1500,
        up: true,
        addresses: [
          { address: '192.0.2.5', prefixLength: 24 },
          { address: '2001:db8::5', prefixLength: 64 },
          { address: '2001:db8::77', prefixLength: 64, state: 'temporary' },
          { address: '2001:db8::99', prefixLength: 64, state: 'tentative' },
        ],
      },
      { name: 'Loopback Pseudo-Interface 1', index: 1, mac: '00:00:00:00:00:00', mtu: 1500, up: false, addresses: [] },
    ]);
    assert.deepEqual(decodeAdapters(Buffer.alloc(0), 0n), []);
  });

  it('neighbours have a MAC only in a state that has one', () => {
    const row = (address: string, state: number, mac: Buffer): Buffer => {
      const made = Buffer.alloc(NEIGHBOUR_ROW);
      makeSockaddr(address).copy(made);
      made.writeUInt32LE(7, 28);
      mac.copy(made, 40);
      made.writeUInt32LE(mac.length, 72);
      made.writeUInt32LE(state, 76);
      return made;
    };
    const rows = [
      row('192.0.2.1', 5, MAC),
      row('2001:db8::1', 4, MAC),
      row('192.0.2.2', 1, MAC),
      row('192.0.2.3', 5, Buffer.alloc(6)),
      row('192.0.2.4', 0, MAC),
    ];
    const mac = '02:aa:bb:cc:dd:ee';
    assert.deepEqual(decodeNeighbours(Buffer.concat([...rows, Buffer.alloc(NEIGHBOUR_ROW - 1)])), [
      { ifindex: 7, address: '192.0.2.1', mac, state: 'reachable' },
      { ifindex: 7, address: '2001:db8::1', mac, state: 'stale' },
      { ifindex: 7, address: '192.0.2.2', mac: undefined, state: 'incomplete' },
      { ifindex: 7, address: '192.0.2.3', mac: undefined, state: 'incomplete' },
      { ifindex: 7, address: '192.0.2.4', mac: undefined, state: 'failed' },
    ]);
  });

  it('rows of routes are read, and a next hop of no address is the link', () => {
    const row = (prefix: string, length: number, nextHop: string, metric: number): Buffer => {
      const made = Buffer.alloc(FORWARD_ROW);
      made.writeUInt32LE(7, 8);
      makeSockaddr(prefix).copy(made, 12);
      made.writeUInt8(length, 40);
      makeSockaddr(nextHop).copy(made, 44);
      made.writeUInt32LE(metric, 84);
      return made;
    };
    const rows = Buffer.concat([row('192.0.2.0', 24, '0.0.0.0', 10), row('::', 0, 'fe80::2', 20)]);
    assert.deepEqual(decodeRoutes(rows), [
      { ifindex: 7, prefix: '192.0.2.0', prefixLength: 24, nextHop: undefined, metric: 10 },
      { ifindex: 7, prefix: '::', prefixLength: 0, nextHop: 'fe80::2', metric: 20 },
    ]);
  });

  it('of routes the longest prefix is taken, of equals the least metric', () => {
    const rows: readonly RouteRow[] = [
      { ifindex: 1, prefix: '0.0.0.0', prefixLength: 0, nextHop: '192.0.2.1', metric: 5 },
      { ifindex: 2, prefix: '198.51.100.0', prefixLength: 25, nextHop: '203.0.113.1', metric: 30 },
      { ifindex: 1, prefix: '198.51.100.0', prefixLength: 25, nextHop: '192.0.2.9', metric: 20 },
    ];
    const devices = [device(1, ['192.0.2.5', 24], ['2001:db8::5', 64]), device(2, ['203.0.113.5', 24])];
    const found = (destination: string) => findRoute(destination, rows, devices);
    assert.deepEqual(found('198.51.100.127'), { ifindex: 1, nextHop: '192.0.2.9', source: '192.0.2.5', local: false });
    assert.deepEqual(found('198.51.100.128'), { ifindex: 1, nextHop: '192.0.2.1', source: '192.0.2.5', local: false });
    assert.deepEqual(
      found('203.0.113.77'),
      { ifindex: 2, nextHop: '203.0.113.77', source: '203.0.113.5', local: false },
      'by the address’s prefix',
    );
    assert.deepEqual(found('203.0.113.5'), { ifindex: 2, nextHop: '203.0.113.5', source: '203.0.113.5', local: true });
    assert.equal(found('2001:db8:1::1'), undefined);
  });

  it('two looks differ by what came, went or changed', () => {
    const neighbour = { ifindex: 7, address: '192.0.2.1', mac: '02:aa:bb:cc:dd:ee', state: 'reachable' } as const;
    const before = {
      links: new Map([[7, 'a']]),
      addresses: new Map([[7, 'x']]),
      neighbours: new Map([['7 192.0.2.1', neighbour]]),
      routes: 'r',
    };
    const events = (after: Parameters<typeof differences>[1]): readonly NetworkEvent[] => [...differences(before, after)];
    assert.deepEqual(events(before), []);
    assert.deepEqual(events({ ...before, links: new Map([[8, 'b']]), addresses: before.addresses }), [
      { kind: 'link', ifindex: 7 },
      { kind: 'link', ifindex: 8 },
    ]);
    assert.deepEqual(events({ ...before, addresses: new Map([[7, 'y']]), routes: 's' }), [
      { kind: 'address', ifindex: 7 },
      { kind: 'route' },
    ]);
    assert.deepEqual(events({ ...before, neighbours: new Map() }), [{ kind: 'neighbour', neighbour, deleted: true }]);
    const stale = { ...neighbour, state: 'stale' } as const;
    assert.deepEqual(events({ ...before, neighbours: new Map([['7 192.0.2.1', stale]]) }), [
      { kind: 'neighbour', neighbour: stale, deleted: false },
    ]);
  });

  it('the ports of the node’s own connections are read in whatever language, and are the usual ones otherwise', () => {
    const german = '\nProtokoll tcp - Bereich dynamischer Ports\n---------\nStartport      : 10000\nAnzahl von Ports : 5000\n';
    assert.deepEqual(decodeDynamicPorts(german), [10000, 14999]);
    for (const text of ['', 'The command was not found', 'Start Port : 60000\nNumber of Ports : 60000\n']) {
      assert.deepEqual(decodeDynamicPorts(text), [49152, 65535], text);
    }
  });

  it('a pin has one name in whatever form, and nothing else is a pin', () => {
    for (const path of ['/ebpf/global/fairlead/default/ct4', '/sys/fs/bpf/fairlead/default/ct4', 'BPF:\\fairlead\\default\\ct4'])
      assert.equal(pinName(path), 'fairlead/default/ct4');
    for (const path of ['C:\\Windows', '/etc/passwd', 'fairlead'])
      assert.throws(() => requirePinPath(path), withCode('FL_E_LOAD', /no path of a pin/));
  });
});
