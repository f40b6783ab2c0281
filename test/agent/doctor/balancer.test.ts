import assert from 'node:assert/strict';
import { examineBalancer } from '../../../agent/doctor/examine.js';
import type { BalancerFacts, DeviceFacts, DeviceSettings, MachineFacts } from '../../../agent/doctor/facts.js';
import { balancerFacts, DEVICE, MACHINE, SETTINGS } from './facts-double.js';
import { checkRow, type Row } from './support.js';

type Facts = Awaited<ReturnType<typeof balancerFacts>>;
const well: Facts = await balancerFacts();

const machine = (change: Partial<MachineFacts>): BalancerFacts => ({ ...well, machine: { ...MACHINE, ...change } });
const device = (change: Partial<DeviceFacts>, more: Partial<BalancerFacts> = {}): BalancerFacts => ({
  ...well,
  devices: [{ ...DEVICE, ...change }],
  ...more,
});
const settings = (change: Partial<DeviceSettings>): BalancerFacts => device({ settings: { ...SETTINGS, ...change } });
const agent = (change: Partial<Facts['agent']>): BalancerFacts => ({ ...well, agent: { ...well.agent, ...change } });
const status = (change: Partial<Facts['agent']['status']>): BalancerFacts => agent({ status: { ...well.agent.status, ...change } });
/** A machine on which an agent is to be started. */
const BEFORE: Partial<BalancerFacts> = { agent: undefined, devices: [{ ...DEVICE, xdp: undefined }] };
/** Service 1 has a backend on the machine itself, which has these addresses on lo. */
const local = (addresses: readonly string[]): BalancerFacts => ({
  ...agent({
    services: well.agent.services.map((one) =>
      one.id === 1 ? { ...one, backends: one.backends.map((end) => ({ ...end, local: true })) } : one,
    ),
  }),
  interfaces: [{ ...DEVICE, name: 'lo', addresses: addresses.map((address) => ({ address, prefixLength: 32 })) }, DEVICE],
});
const foreign = { programId: 77, programName: 'pass', mode: 'native', instance: undefined, linkId: undefined } as const;

const ROWS: readonly Row<BalancerFacts>[] = [
  {
    fault: 'an old kernel',
    facts: machine({ kernelRelease: '5.10.0-28-amd64' }),
    level: 'problem',
    check: 'kernel',
    text: /5\.10\.0-28-amd64 is older than 5\.15/,
  },
  {
    fault: 'a kernel without jumbo frames',
    facts: machine({ kernelRelease: '5.15.0' }),
    level: 'note',
    check: 'kernel',
    text: /older than 5\.18: no jumbo frames/,
  },
  { fault: 'no BTF', facts: machine({ btf: false }), level: 'warning', check: 'btf', text: /no BTF/ },
  {
    fault: 'no JIT',
    facts: machine({ jit: 0 }),
    level: 'warning',
    check: 'jit',
    text: /interpreted/,
    command: 'sysctl -w net.core.bpf_jit_enable=1',
  },
  { fault: 'not root', facts: machine({ root: false }), level: 'warning', check: 'rights', text: /not run as root/ },
  {
    fault: 'no clang while an agent runs',
    facts: machine({ clang: undefined }),
    level: 'note',
    check: 'clang',
    text: /clang is not installed/,
    command: 'apt-get install -y clang libbpf-dev linux-libc-dev',
  },
  {
    fault: 'little memory while an agent runs',
    facts: machine({ memoryAvailable: 100 * 2 ** 20 }),
    level: 'warning',
    check: 'memory',
    text: /^100 MiB of memory/,
  },
  {
    fault: 'no BPF file system',
    facts: machine({ bpfFileSystem: false }),
    level: 'warning',
    check: 'bpffs',
    text: /no BPF file system/,
    command: 'mount -t bpf bpf /sys/fs/bpf',
    fixable: true,
  },
  {
    fault: 'libbpf is missing, so nothing else can be seen',
    facts: { ...machine({ libraryTrouble: 'libbpf.so.1: cannot open' }), devices: [], localPorts: undefined, agent: undefined },
    level: 'problem',
    check: 'libbpf',
    text: /libbpf cannot be used: libbpf\.so\.1/,
    command: 'apt-get install -y libbpf1',
  },
  { fault: 'a device that is not there', facts: { ...well, missing: ['eth9'] }, level: 'problem', check: 'device', text: /eth9/ },
  {
    fault: 'a device that is down',
    facts: device({ up: false }),
    level: 'problem',
    check: 'device',
    text: /eth0 is down/,
    command: 'ip link set dev eth0 up',
    fixable: true,
  },
  { fault: 'a device without an address', facts: device({ addresses: [] }), level: 'warning', check: 'device', text: /no address/ },
  {
    fault: "somebody else's program",
    facts: device({ xdp: foreign }),
    level: 'problem',
    check: 'foreign-xdp',
    text: /eth0: XDP program pass \(id 77, native\) is not Fairlead's/,
    command: 'ip link set dev eth0 xdp off',
  },
  {
    fault: 'the same in generic mode',
    facts: device({ xdp: { ...foreign, mode: 'generic' } }),
    level: 'problem',
    check: 'foreign-xdp',
    text: /generic/,
    command: 'ip link set dev eth0 xdpgeneric off',
  },
  {
    fault: 'the same, held by a BPF link',
    facts: device({ xdp: { ...foreign, linkId: 5 } }),
    level: 'problem',
    check: 'foreign-xdp',
    text: /not Fairlead's/,
    command: 'bpftool link detach id 5',
  },
  {
    fault: "libxdp's dispatcher",
    facts: device({ xdp: { ...foreign, programName: 'xdp_dispatcher' } }),
    level: 'problem',
    check: 'foreign-xdp',
    text: /xdp_dispatcher/,
    command: 'xdp-loader unload eth0 --all',
  },
  {
    fault: 'generic mode',
    facts: device({ xdp: { ...foreign, instance: 'default', mode: 'generic' } }),
    level: 'warning',
    check: 'xdp',
    text: /instance default, id 77, generic/,
  },
  {
    fault: 'LRO',
    facts: device({ offloads: { lro: true, tx: true } }),
    level: 'problem',
    check: 'lro',
    text: /large receive offload is on/,
    command: 'ethtool -K eth0 lro off',
  },
  {
    fault: 'a veth peer that leaves checksums open',
    facts: device({ driver: 'veth', peer: { where: 'here', name: 'peer0', tx: true, xdp: true } }),
    level: 'problem',
    check: 'checksum',
    text: /its veth peer peer0 leaves checksums open/,
    command: 'ethtool -K peer0 tx off',
    fixable: true,
  },
  {
    fault: 'a veth peer without a program',
    facts: device({ driver: 'veth', peer: { where: 'here', name: 'peer0', tx: false, xdp: false } }),
    level: 'problem',
    check: 'veth',
    text: /peer0 runs no XDP program/,
  },
  {
    fault: 'a veth peer out of sight',
    facts: device({ driver: 'veth', peer: { where: 'elsewhere' } }),
    level: 'note',
    check: 'checksum',
    text: /other end is in another namespace/,
  },
  {
    fault: 'offloads out of sight',
    facts: device({ offloads: { lro: undefined, tx: undefined } }),
    level: 'note',
    check: 'offloads',
    text: /could not be seen/,
    command: 'apt-get install -y ethtool',
  },
  {
    fault: 'an MTU without room, services in DSR',
    facts: device({ mtu: 1500 }),
    level: 'warning',
    check: 'mtu',
    text: /MTU 1500: a packet of 1500 bytes does not fit with DSR's outer header of 20/,
    command: 'ip link set dev eth0 mtu 1520',
  },
  {
    fault: 'an MTU without room for IPv6',
    facts: device(
      { mtu: 1520 },
      {
        agent: {
          ...well.agent,
          services: well.agent.services.map((one) => ({ ...one, mode: 'dsr' })),
          backends: well.agent.backends.map((one) => ({ ...one, address: '2001:db8:20::10' })),
        },
      },
    ),
    level: 'warning',
    check: 'mtu',
    text: /outer header of 40/,
    command: 'ip link set dev eth0 mtu 1540',
  },
  {
    fault: 'an MTU without room, all services in SNAT',
    facts: device({ mtu: 1500 }, { agent: { ...well.agent, services: well.agent.services.map((one) => ({ ...one, mode: 'snat' })) } }),
    level: 'note',
    check: 'mtu',
    text: /MTU 1500/,
    command: 'ip link set dev eth0 mtu 1520',
  },
  {
    fault: 'strict rp_filter',
    facts: settings({ rpFilter: 1 }),
    level: 'warning',
    check: 'rp-filter',
    text: /eth0: rp_filter is strict/,
    command: 'sysctl -w net.ipv4.conf.eth0.rp_filter=2',
    fixable: true,
  },
  {
    fault: 'strict rp_filter of a VLAN device, whose name has a dot',
    facts: device({ name: 'eth0.100', settings: { ...SETTINGS, rpFilter: 1 } }),
    level: 'warning',
    check: 'rp-filter',
    text: /eth0\.100/,
    command: 'sysctl -w net/ipv4/conf/eth0.100/rp_filter=2',
    fixable: true,
  },
  {
    fault: 'no IPv4 forwarding, which is no harmless thing to switch on',
    facts: settings({ forwarding4: false }),
    level: 'warning',
    check: 'forwarding',
    text: /IPv4 forwarding is off/,
    command: 'sysctl -w net.ipv4.conf.eth0.forwarding=1',
  },
  {
    fault: 'no IPv6 forwarding',
    facts: settings({ forwarding6: false }),
    level: 'warning',
    check: 'forwarding',
    text: /IPv6 forwarding is off/,
    command: 'sysctl -w net.ipv6.conf.eth0.forwarding=1',
  },
  {
    fault: 'SNAT ports that the node takes too',
    facts: { ...well, localPorts: [20000, 60999] },
    level: 'warning',
    check: 'snat-ports',
    text: /SNAT ports 1024-32767 overlap the node's own ports 20000-60999/,
    command: `sysctl -w 'net.ipv4.ip_local_port_range=32768 60999'`,
  },
  {
    fault: 'local ports that leave none to SNAT',
    facts: { ...well, ...BEFORE, localPorts: [1024, 65535], agentTrouble: undefined, agent: well.agent, devices: [DEVICE] },
    level: 'warning',
    check: 'snat-ports',
    text: /overlap/,
    command: `sysctl -w 'net.ipv4.ip_local_port_range=32768 65535'`,
  },
  {
    fault: 'no answer of a next hop',
    facts: agent({
      neighbours: [{ address: '20.1.1.40', device: 'eth0', mac: undefined, state: 'unresolved', backends: ['20.1.1.40:80'] }],
    }),
    level: 'problem',
    check: 'next-hop',
    text: /20\.1\.1\.40 does not answer on eth0: no way to 20\.1\.1\.40:80/,
    command: 'fairlead neighbor update 20.1.1.40',
  },
  {
    fault: 'the same, of another instance',
    facts: {
      ...well,
      agent: {
        ...well.agent,
        status: { ...well.agent.status, instance: 'two' },
        neighbours: [{ address: '20.1.1.40', device: 'eth0', mac: undefined, state: 'failed', backends: ['a', 'b', 'c', 'd'] }],
      },
    },
    level: 'problem',
    check: 'next-hop',
    text: /no way to a, b, c and 1 more/,
    command: 'fairlead --instance=two neighbor update 20.1.1.40',
  },
  {
    fault: 'a backend without a route',
    facts: agent({
      backends: well.agent.backends.map((one, index) =>
        index === 0 ? { ...one, mac: undefined, device: undefined, nextHop: 'no route to host' } : one,
      ),
    }),
    level: 'problem',
    check: 'next-hop',
    text: /backend 20\.1\.1\.10:80: no route to host/,
  },
  {
    fault: 'a virtual address that is one of this machine',
    facts: {
      ...well,
      interfaces: [...well.interfaces, { ...DEVICE, name: 'dummy0', addresses: [{ address: '40.1.1.1', prefixLength: 32 }] }],
    },
    level: 'warning',
    check: 'vip',
    text: /virtual address 40\.1\.1\.1 is also an address of this machine, on dummy0/,
    command: 'ip address del 40.1.1.1/32 dev dummy0',
  },
  {
    fault: 'a backend on this machine whose virtual address is not',
    facts: local([]),
    level: 'problem',
    check: 'vip',
    text: /40\.1\.1\.1 has a backend on this machine/,
    command: 'ip address add 40.1.1.1/32 dev lo',
  },
  {
    fault: 'a warning of the agent',
    facts: status({ warnings: ['device eth1 is gone: start the agent again when it is back'] }),
    level: 'warning',
    check: 'agent',
    text: /^the agent says: device eth1 is gone/,
  },
  {
    fault: 'no agent of a data plane',
    facts: { ...well, agent: undefined },
    level: 'warning',
    check: 'agent',
    text: /no agent of it answers/,
  },
  {
    fault: 'an agent that may not be asked',
    facts: { ...well, agent: undefined, agentTrouble: 'you may not open its socket' },
    level: 'warning',
    check: 'agent',
    text: /not asked: you may not open its socket/,
  },
];

describe('the doctor on a load balancer', () => {
  it('finds nothing amiss where all is well', () => {
    assert.deepEqual(
      examineBalancer(well).filter(({ level }) => level !== 'ok'),
      [],
    );
  });

  for (const row of ROWS) it(`finds: ${row.fault}`, () => checkRow(row, examineBalancer(row.facts)));

  it('before the first start only says that no agent answers; what a start needs is a problem then', () => {
    const before = { ...well, ...BEFORE };
    const amiss = (facts: BalancerFacts) =>
      examineBalancer(facts).flatMap(({ level, check }) => (level === 'ok' ? [] : `${level} ${check}`));
    assert.deepEqual(amiss(before), ['note agent']);
    assert.deepEqual(amiss({ ...before, machine: { ...MACHINE, clang: undefined } }), ['problem clang', 'note agent']);
    assert.deepEqual(amiss({ ...before, machine: { ...MACHINE, bpfHeaders: false } }), ['problem clang', 'note agent']);
    assert.deepEqual(amiss({ ...before, machine: { ...MACHINE, memoryAvailable: 100 * 2 ** 20 } }), ['problem memory', 'note agent']);
    assert.deepEqual(amiss({ ...before, devices: [{ ...DEVICE, xdp: undefined, driver: 'e1000e' }] }), ['note xdp', 'note agent']);
    // The agent would take no port that the node takes.
    assert.deepEqual(amiss({ ...before, localPorts: [10000, 60999] }), ['note agent']);
  });

  it('a virtual address is right on a machine that has a backend of it', () => {
    assert.equal(examineBalancer(local(['40.1.1.1'])).find(({ check }) => check === 'vip')?.level, 'ok');
    assert.equal(examineBalancer(local(['40.1.1.1', '40.1.1.2'])).find(({ check }) => check === 'vip')?.level, 'warning');
  });

  it('ports that the kernel leaves alone are no overlap', () => {
    const facts: BalancerFacts = { ...well, localPorts: [1024, 60999], reservedPorts: [[1000, 32767]] };
    assert.equal(examineBalancer(facts).find(({ check }) => check === 'snat-ports')?.level, 'ok');
    const part: BalancerFacts = { ...facts, reservedPorts: [[2000, 32767]] };
    assert.equal(examineBalancer(part).find(({ check }) => check === 'snat-ports')?.level, 'warning');
  });

  it('in L2 dispatch the MTU does not matter, and what it could not see it does not call fine', () => {
    const l2 = { ...status({ dispatch: 'l2' }), devices: [{ ...DEVICE, mtu: 1500 }] };
    assert.ok(!examineBalancer(l2).some(({ check }) => check === 'mtu'));
    const unseen = device({
      settings: {
        rpFilter: undefined,
        arpIgnore: undefined,
        arpAnnounce: undefined,
        forwarding4: undefined,
        forwarding6: undefined,
        ipv6Off: undefined,
      },
    });
    assert.ok(!examineBalancer(unseen).some(({ check }) => check === 'rp-filter' || check === 'forwarding'));
  });

  it('what another check finds with its command is not told again in the words of the agent', () => {
    const facts = {
      ...status({
        warnings: ['device eth0 is down: ip link set eth0 up', "SNAT ports 1024-32767 overlap this node's own ports 20000-60999 (net...)"],
      }),
      devices: [{ ...DEVICE, up: false }],
      localPorts: [20000, 60999] as const,
    };
    const amiss = examineBalancer(facts).filter(({ level }) => level !== 'ok');
    assert.deepEqual(
      amiss.map(({ check }) => check),
      ['device', 'snat-ports'],
    );
  });
});
