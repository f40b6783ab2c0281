// A load balancer and a backend on which all is well, as facts; tests change one thing.
// Imports agent/doctor's types and the agent's double.

import type {
  BackendDeviceFacts,
  BackendFacts,
  BalancerFacts,
  DeviceFacts,
  DeviceSettings,
  MachineFacts,
} from '../../../agent/doctor/facts.js';
import type { StatusView } from '../../../agent/model/views.js';
import { AgentDouble } from '../support/agent-double.js';

export const MACHINE: MachineFacts = {
  root: true,
  kernelRelease: '6.18.44-generic',
  btf: true,
  jit: 1,
  bpfFileSystem: true,
  memoryAvailable: 8 * 2 ** 30,
  clang: 'clang version 19.1.7',
  bpfHeaders: true,
  libraryTrouble: undefined,
};

export const SETTINGS: DeviceSettings = {
  rpFilter: 0,
  arpIgnore: 1,
  arpAnnounce: 2,
  forwarding4: true,
  forwarding6: true,
  ipv6Off: false,
};

export const DEVICE: DeviceFacts = {
  name: 'eth0',
  index: 2,
  mac: '02:00:00:00:00:01',
  mtu: 1540,
  up: true,
  addresses: [
    { address: '20.1.1.1', prefixLength: 24 },
    { address: '2001:db8:20::1', prefixLength: 64 },
  ],
  driver: 'ixgbe',
  offloads: { lro: false, tx: true },
  peer: undefined,
  xdp: { programId: 12, programName: 'fairlead', mode: 'native', instance: 'default', linkId: undefined },
  settings: SETTINGS,
};

const LOOPBACK = { name: 'lo', index: 1, mac: '00:00:00:00:00:00', mtu: 65536, up: true, addresses: [] };

/** With the double's agent, whose one silent next hop (20.1.1.40) answers here. */
export async function balancerFacts(): Promise<BalancerFacts & { readonly agent: NonNullable<BalancerFacts['agent']> }> {
  const agent = new AgentDouble();
  const status: StatusView = { ...(await agent.status()), instance: 'default', dispatch: 'ipip', warnings: [], snatRange: [1024, 32767] };
  const heal = <Hop extends { readonly mac: string | undefined }>(hop: Hop): Hop => ({ ...hop, mac: hop.mac ?? '02:00:00:00:00:40' });
  return {
    machine: MACHINE,
    devices: [DEVICE],
    missing: [],
    chosenBy: 'as given',
    interfaces: [LOOPBACK, DEVICE],
    localPorts: [32768, 60999],
    reservedPorts: [],
    agent: {
      status,
      services: await agent.listServices(),
      backends: (await agent.listBackends()).map(heal),
      neighbours: (await agent.listNeighbours()).map(heal),
    },
    agentTrouble: undefined,
  };
}

export const BACKEND_DEVICE: BackendDeviceFacts = {
  ...DEVICE,
  addresses: [
    { address: '20.1.1.10', prefixLength: 24 },
    { address: '2001:db8:20::10', prefixLength: 64 },
  ],
  xdp: undefined,
  decap: {
    tc: ['decap_tc'],
    xdp: undefined,
    tunnels: [],
    installed: {
      dispatch: 'ipip',
      vips: ['40.1.1.1', '2001:db8:40::1'],
      addresses: ['20.1.1.10', '2001:db8:20::10'],
    },
  },
  proxies: [],
};

export const BACKEND: BackendFacts = {
  machine: MACHINE,
  devices: [BACKEND_DEVICE],
  missing: [],
  chosenBy: 'as given',
  interfaces: [
    {
      ...LOOPBACK,
      addresses: [
        { address: '40.1.1.1', prefixLength: 32 },
        { address: '2001:db8:40::1', prefixLength: 128, state: 'deprecated' },
      ],
    },
    BACKEND_DEVICE,
  ],
  loopback: { name: 'lo', ipv6Off: false },
  clampedFamilies: [],
  vips: ['40.1.1.1', '2001:db8:40::1'],
  dispatch: 'ipip',
  balancer: { address: '20.1.1.1', device: 'eth0', nextHop: '20.1.1.1', neighbour: 'reachable' },
  installScript: '/opt/install.sh',
};
