// Checks of the MTU against the outer header of DSR by IPIP: a client's full packet has to fit with it.
// Imports its neighbours and agent/model.
// Invariant: --fix never changes an MTU: both ends of a link, and the switches between, have to agree.

import { familyOf } from '../../model/address.js';
import { setMtu } from '../commands.js';
import type { BackendFacts, BalancerFacts, DeviceFacts } from '../facts.js';
import { type Finding, fine } from '../finding.js';

/** A client's full packet, as on Ethernet. */
const CLIENT_PACKET = 1500;
/** Of the outer header, by its family. */
const OUTER = { 4: 20, 6: 40 } as const;
/** Of the inner IP and TCP headers. */
const INNER = { 4: 40, 6: 60 } as const;

/** On the devices that lead to backends; without an agent that tells them, on all, as a note. */
export function checkBalancerMtu({ devices, agent }: BalancerFacts): readonly Finding[] {
  if (agent === undefined) return devices.flatMap((device) => judge(device, device.addresses.some(isIpv6) ? OUTER[6] : OUTER[4], 'note'));
  if (agent.status.dispatch !== 'ipip') return [];
  const dsrServices = agent.services.filter(({ mode }) => mode === 'dsr').map(({ id }) => id);
  return devices.flatMap((device) => {
    const led = agent.backends.filter((backend) => backend.device === device.name && !backend.local);
    const wrapped = led.filter(({ service }) => dsrServices.includes(service));
    // What is in SNAT mode today can be switched.
    const counted = wrapped.length > 0 ? wrapped : led;
    if (counted.length === 0) return [];
    return judge(device, counted.some(isIpv6) ? OUTER[6] : OUTER[4], wrapped.length > 0 ? 'warning' : 'note');
  });
}

function judge({ name, mtu }: DeviceFacts, outer: number, level: 'note' | 'warning'): readonly Finding[] {
  const wanted = CLIENT_PACKET + outer;
  if (mtu >= wanted) return [fine('mtu', `${name}: MTU ${mtu} has room for DSR's outer header`)];
  return [
    {
      level,
      check: 'mtu',
      text: `${name}: MTU ${mtu}: a packet of ${CLIENT_PACKET} bytes does not fit with DSR's outer header of ${outer}`,
      why: `In DSR by IPIP each client is told of a smaller packet first (ICMP), and uploads stall where that is filtered. ${wanted} is enough.`,
      command: setMtu(name, wanted),
      advice: 'First on the switches and backends of this link; some cards take it down for a moment. L2 dispatch needs none of this.',
    },
  ];
}

export function checkBackendMtu({ devices, vips, dispatch, balancer, clampedFamilies }: BackendFacts): readonly Finding[] {
  if (dispatch !== 'ipip') return [];
  return devices.flatMap((device) => {
    const outer = outerOf(device, balancer?.address);
    return ([4, 6] as const).flatMap((family): readonly Finding[] => {
      if (!vips.some((vip) => familyOf(vip) === family)) return [];
      // An IPv6 packet is only wrapped in IPv6.
      const bytes = family === 6 ? OUTER[6] : outer;
      const wanted = CLIENT_PACKET + bytes;
      if (device.mtu >= wanted) return [fine('mtu', `${device.name}: MTU ${device.mtu} has room for IPv${family} in an outer header`)];
      if (clampedFamilies.includes(family)) {
        return [fine('mtu', `${device.name}: MTU ${device.mtu}, and a route of IPv${family} names a smaller MSS (advmss)`)];
      }
      return [
        {
          level: 'warning',
          check: 'mtu',
          text: `${device.name}: MTU ${device.mtu}: a client's IPv${family} packet of ${CLIENT_PACKET} bytes does not fit with the outer header of ${bytes}`,
          why: 'Small requests work, uploads stall or begin slowly.',
          command: setMtu(device.name, wanted),
          advice: `On the whole way from the load balancer. Or name a smaller MSS on the routes to the clients: advmss ${device.mtu - bytes - INNER[family]}.`,
        },
      ];
    });
  });
}

/** Outer header towards a device: of the load balancer's family, else of the one that the device has. */
function outerOf({ addresses }: DeviceFacts, balancer: string | undefined): number {
  if (balancer !== undefined) return OUTER[familyOf(balancer)];
  return addresses.some(({ address }) => familyOf(address) === 4) ? OUTER[4] : OUTER[6];
}

const isIpv6 = ({ address }: { readonly address: string }): boolean => familyOf(address) === 6;
