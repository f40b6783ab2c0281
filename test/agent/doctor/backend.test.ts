import assert from 'node:assert/strict';
import { examineBackend } from '../../../agent/doctor/examine.js';
import type { BackendDeviceFacts, BackendFacts, DecapFacts, DeviceSettings } from '../../../agent/doctor/facts.js';
import { BACKEND, BACKEND_DEVICE, MACHINE, SETTINGS } from './facts-double.js';
import { checkRow, type Row } from './support.js';

const device = (change: Partial<BackendDeviceFacts>): BackendFacts => ({ ...BACKEND, devices: [{ ...BACKEND_DEVICE, ...change }] });
const settings = (change: Partial<DeviceSettings>): BackendFacts => device({ settings: { ...SETTINGS, ...change } });
const decap = (change: Partial<DecapFacts>): BackendFacts => device({ decap: { ...BACKEND_DEVICE.decap, ...change } });
const installed = { dispatch: 'ipip', vips: ['40.1.1.1', '2001:db8:40::1'], addresses: ['20.1.1.10', '2001:db8:20::10'] };
const [lo, eth0] = BACKEND.interfaces;
assert.ok(lo !== undefined && eth0 !== undefined);
const INSTALL = '/opt/install.sh --device eth0 --vip 40.1.1.1,2001:db8:40::1';

const ROWS: readonly Row<BackendFacts>[] = [
  {
    fault: 'an IPv4 address that is not on lo',
    facts: { ...BACKEND, interfaces: [{ ...lo, addresses: lo.addresses.slice(1) }, eth0] },
    level: 'problem',
    check: 'vip',
    text: /^40\.1\.1\.1 is not on lo$/,
    command: 'ip address add 40.1.1.1/32 dev lo',
  },
  {
    fault: 'an IPv6 address that is not on lo',
    facts: { ...BACKEND, interfaces: [{ ...lo, addresses: lo.addresses.slice(0, 1) }, eth0] },
    level: 'problem',
    check: 'vip',
    text: /^2001:db8:40::1 is not on lo$/,
    command: 'ip address add 2001:db8:40::1/128 dev lo nodad preferred_lft 0',
  },
  {
    fault: 'an address that is on the device too',
    facts: {
      ...BACKEND,
      interfaces: [lo, { ...eth0, addresses: [...eth0.addresses, { address: '40.1.1.1', prefixLength: 24 }] }],
    },
    level: 'problem',
    check: 'vip',
    text: /^40\.1\.1\.1 is on eth0$/,
    command: 'ip address del 40.1.1.1/24 dev eth0',
  },
  {
    fault: 'answers to ARP for the virtual address',
    facts: settings({ arpIgnore: 0 }),
    level: 'problem',
    check: 'arp',
    text: /arp_ignore is 0/,
    command: 'sysctl -w net.ipv4.conf.eth0.arp_ignore=1',
    fixable: true,
  },
  {
    fault: 'ARP requests from the virtual address',
    facts: settings({ arpAnnounce: 1 }),
    level: 'warning',
    check: 'arp',
    text: /arp_announce is 1/,
    command: 'sysctl -w net.ipv4.conf.eth0.arp_announce=2',
    fixable: true,
  },
  {
    fault: 'a proxy entry for NDP',
    facts: device({ proxies: ['2001:db8:40::1'] }),
    level: 'problem',
    check: 'ndp',
    text: /NDP proxy for 2001:db8:40::1/,
    command: 'ip -6 neighbour del proxy 2001:db8:40::1 dev eth0',
  },
  {
    fault: 'IPv6 switched off',
    facts: settings({ ipv6Off: true }),
    level: 'problem',
    check: 'ipv6',
    text: /IPv6 is off on eth0/,
    command: 'sysctl -w net.ipv6.conf.eth0.disable_ipv6=0',
  },
  {
    fault: 'strict rp_filter',
    facts: settings({ rpFilter: 1 }),
    level: 'problem',
    check: 'rp-filter',
    text: /strict/,
    command: 'sysctl -w net.ipv4.conf.eth0.rp_filter=2',
    fixable: true,
  },
  {
    fault: 'no decapsulator',
    facts: decap({ tc: [], installed: undefined }),
    level: 'problem',
    check: 'decap',
    text: /no decapsulator is attached/,
    command: INSTALL,
  },
  {
    fault: "a filter of somebody else's, and no decapsulator",
    facts: decap({ tc: ['cil_from_netdev'] }),
    level: 'problem',
    check: 'decap',
    text: /no decapsulator is attached/,
    command: INSTALL,
  },
  {
    fault: 'a tunnel device in its place',
    facts: decap({ tc: [], installed: undefined, tunnels: ['tunl0'] }),
    level: 'note',
    check: 'decap',
    text: /tunl0 may take the outer header off/,
  },
  {
    fault: 'a decapsulator that does not know the address',
    facts: decap({ installed: { ...installed, vips: ['2001:db8:40::1', '40.1.1.9'] } }),
    level: 'problem',
    check: 'decap',
    text: /does not know 40\.1\.1\.1$/,
    command: '/opt/install.sh --device eth0 --vip 2001:db8:40::1,40.1.1.9,40.1.1.1',
  },
  {
    fault: 'an address of the host that came later',
    facts: decap({ installed: { ...installed, addresses: ['20.1.1.10'] } }),
    level: 'warning',
    check: 'decap',
    text: /does not know 2001:db8:20::10, an address that the device got since/,
    command: INSTALL,
  },
  {
    fault: 'an MTU without room',
    facts: { ...device({ mtu: 1500 }), vips: ['40.1.1.1'] },
    level: 'warning',
    check: 'mtu',
    text: /MTU 1500: a client's IPv4 packet of 1500 bytes does not fit with the outer header of 20/,
    command: 'ip link set dev eth0 mtu 1520',
  },
  {
    fault: 'an MTU without room for an outer IPv6 header',
    facts: {
      ...device({ mtu: 1520 }),
      vips: ['40.1.1.1'],
      balancer: { address: '2001:db8:20::1', device: 'eth0', nextHop: '2001:db8:20::1', neighbour: 'reachable' },
    },
    level: 'warning',
    check: 'mtu',
    text: /outer header of 40/,
    command: 'ip link set dev eth0 mtu 1540',
  },
  {
    fault: 'open checksums of a veth device',
    facts: device({ driver: 'veth' }),
    level: 'warning',
    check: 'checksum',
    text: /leaves checksums open/,
    command: 'ethtool -K eth0 tx off',
    fixable: true,
  },
  {
    fault: 'no route to the load balancer',
    facts: { ...BACKEND, balancer: { address: '20.1.1.1', device: undefined, nextHop: undefined, neighbour: undefined } },
    level: 'problem',
    check: 'balancer',
    text: /no route leads to the load balancer 20\.1\.1\.1/,
  },
  {
    fault: 'a load balancer that does not answer',
    facts: { ...BACKEND, balancer: { address: '20.1.1.1', device: 'eth0', nextHop: '20.1.1.1', neighbour: 'failed' } },
    level: 'problem',
    check: 'balancer',
    text: /20\.1\.1\.1 does not answer on eth0/,
    command: 'ip neighbour show dev eth0',
  },
  {
    fault: 'a router between, with L2 dispatch',
    facts: { ...BACKEND, dispatch: 'l2', balancer: { address: '20.1.1.1', device: 'eth0', nextHop: '10.0.0.1', neighbour: 'reachable' } },
    level: 'problem',
    check: 'balancer',
    text: /behind the router 10\.0\.0\.1/,
  },
  {
    fault: 'a way to the load balancer by another device',
    facts: { ...BACKEND, balancer: { address: '20.1.1.1', device: 'eth1', nextHop: '20.1.1.1', neighbour: 'reachable' } },
    level: 'warning',
    check: 'balancer',
    text: /leads out of eth1, which was not looked at/,
  },
  {
    fault: 'libbpf is missing',
    facts: { ...BACKEND, machine: { ...MACHINE, libraryTrouble: 'not found' }, devices: [], interfaces: [] },
    level: 'problem',
    check: 'libbpf',
    text: /libbpf cannot be used/,
    command: 'apt-get install -y libbpf1',
  },
];

describe('the doctor on a backend', () => {
  const amiss = (facts: BackendFacts) => examineBackend(facts).filter(({ level }) => level !== 'ok');

  it('finds nothing amiss where all is well, with the decapsulator at tc or at XDP, or with L2 dispatch and none', () => {
    assert.deepEqual(amiss(BACKEND), []);
    assert.deepEqual(amiss(decap({ tc: [], xdp: 'decap_xdp' })), []);
    assert.deepEqual(amiss({ ...decap({ tc: [], installed: undefined }), dispatch: 'l2' }), []);
  });

  for (const row of ROWS) it(`finds: ${row.fault}`, () => checkRow(row, examineBackend(row.facts)));

  it('a smaller MSS on the routes takes the place of a larger MTU, for its family', () => {
    assert.deepEqual(amiss({ ...device({ mtu: 1500 }), clampedFamilies: [4, 6] }), []);
    assert.match(amiss({ ...device({ mtu: 1500 }), clampedFamilies: [4] })[0]?.text ?? '', /IPv6 packet/);
  });

  it('ARP settings do not matter to IPv6 addresses alone', () => {
    const facts = { ...settings({ arpIgnore: 0, arpAnnounce: 0 }), vips: ['2001:db8:40::1'] };
    assert.deepEqual(amiss(facts), []);
  });

  it('compiler and memory are no matter of a backend', () => {
    assert.deepEqual(amiss({ ...BACKEND, machine: { ...MACHINE, clang: undefined, bpfHeaders: false, memoryAvailable: 1 } }), []);
  });
});
