// Checks of a backend in DSR mode: the virtual addresses on lo, silence about them on the link, the way to the load balancer.
// Imports its neighbours and agent/model. docs/backends.md says what has to hold, backends/linux/install.sh makes it so.

import { familyOf } from '../../model/address.js';
import { hostPrefix, setDeviceSetting, setSetting } from '../commands.js';
import type { BackendDeviceFacts, BackendFacts } from '../facts.js';
import { type Finding, fine } from '../finding.js';

const STEALS = 'The backend answers for the address on the link and takes it from the load balancer, for all clients that ask.';

/** Every address has to be on lo, and nowhere else. */
export function checkVipPlaces({ vips, interfaces, loopback }: BackendFacts): readonly Finding[] {
  return vips.flatMap((vip): readonly Finding[] => {
    const places = interfaces.filter(({ addresses }) => addresses.some(({ address }) => address === vip));
    const elsewhere = places.filter(({ name }) => name !== loopback.name);
    const found = elsewhere.map(
      ({ name, addresses }): Finding => ({
        level: 'problem',
        check: 'vip',
        text: `${vip} is on ${name}`,
        why: STEALS,
        command: ['ip', 'address', 'del', `${vip}/${addresses.find(({ address }) => address === vip)?.prefixLength}`, 'dev', name],
        advice: `It belongs on ${loopback.name} alone.`,
      }),
    );
    if (places.length > elsewhere.length) return found.length > 0 ? found : [fine('vip', `${vip} is on ${loopback.name}`)];
    // An IPv6 address is deprecated there at once, so that the host begins no connection of its own from it (RFC 6724).
    const more = familyOf(vip) === 6 ? ['nodad', 'preferred_lft', '0'] : [];
    return [
      ...found,
      {
        level: 'problem',
        check: 'vip',
        text: `${vip} is not on ${loopback.name}`,
        why: 'The kernel takes packets to it for those of another host and drops them, or sends them on.',
        command: ['ip', 'address', 'add', hostPrefix(vip), 'dev', loopback.name, ...more],
        advice: 'The ARP settings first: see below. backends/linux/install.sh does all of it.',
      },
    ];
  });
}

/** For IPv4 the kernel answers ARP for any address of the host, unless it is told not to. */
export function checkArp({ devices, vips }: BackendFacts): readonly Finding[] {
  if (!vips.some((vip) => familyOf(vip) === 4)) return [];
  return devices.flatMap(({ name, settings: { arpIgnore, arpAnnounce } }): readonly Finding[] => {
    if (arpIgnore === undefined || arpAnnounce === undefined) return [];
    const found: Finding[] = [];
    if (arpIgnore < 1) {
      found.push({
        level: 'problem',
        check: 'arp',
        text: `${name}: arp_ignore is ${arpIgnore}: this host answers ARP for addresses of lo`,
        why: STEALS,
        command: setDeviceSetting(4, name, 'arp_ignore', 1),
        harmless: true,
      });
    }
    if (arpAnnounce < 2) {
      found.push({
        level: 'warning',
        check: 'arp',
        text: `${name}: arp_announce is ${arpAnnounce}: ARP requests may name the virtual address as their sender`,
        why: 'Routers learn it from them, and send its packets here.',
        command: setDeviceSetting(4, name, 'arp_announce', 2),
        harmless: true,
      });
    }
    return found.length > 0 ? found : [fine('arp', `${name}: arp_ignore ${arpIgnore}, arp_announce ${arpAnnounce}`)];
  });
}

/** For IPv6 only a proxy entry makes the kernel answer; and IPv6 has to be on. */
export function checkNdp({ devices, vips, loopback }: BackendFacts): readonly Finding[] {
  if (!vips.some((vip) => familyOf(vip) === 6)) return [];
  const off = [loopback, ...devices.map(({ name, settings }) => ({ name, ipv6Off: settings.ipv6Off }))].filter(
    ({ ipv6Off }) => ipv6Off === true,
  );
  return [
    ...off.map(
      ({ name }): Finding => ({
        level: 'problem',
        check: 'ipv6',
        text: `IPv6 is off on ${name}`,
        why: 'The kernel takes no packet to an IPv6 address there.',
        command: name.includes('.') ? setDeviceSetting(6, name, 'disable_ipv6', 0) : setSetting(`net.ipv6.conf.${name}.disable_ipv6`, 0),
      }),
    ),
    ...devices.flatMap((device) => checkProxies(device)),
  ];
}

function checkProxies({ name, proxies }: BackendDeviceFacts): readonly Finding[] {
  if (proxies.length === 0) return [fine('ndp', `${name}: no NDP proxy entry for a virtual address`)];
  return proxies.map((vip) => ({
    level: 'problem',
    check: 'ndp',
    text: `${name}: this host is NDP proxy for ${vip}`,
    why: STEALS,
    command: ['ip', '-6', 'neighbour', 'del', 'proxy', vip, 'dev', name],
  }));
}

/** The way to the load balancer that was named. */
export function checkBalancerRoute({ balancer, dispatch, devices }: BackendFacts): readonly Finding[] {
  if (balancer === undefined) return [];
  const { address, device, nextHop, neighbour } = balancer;
  if (device === undefined) {
    return [
      {
        level: 'problem',
        check: 'balancer',
        text: `no route leads to the load balancer ${address}`,
        why: 'Replies in SNAT mode and health checks are lost.',
        advice: 'Give the device an address of that network, or add a route.',
      },
    ];
  }
  const found: Finding[] = [];
  if (dispatch === 'l2' && nextHop !== address) {
    found.push({
      level: 'problem',
      check: 'balancer',
      text: `the load balancer ${address} is behind the router ${nextHop}`,
      why: 'L2 dispatch changes MAC addresses alone: it reaches no farther than the link.',
      advice: 'Use dispatch ipip (--dsr-dispatch=ipip), or put both on one link.',
    });
  }
  if (!devices.some(({ name }) => name === device)) {
    found.push({
      level: 'warning',
      check: 'balancer',
      text: `the route to ${address} leads out of ${device}, which was not looked at`,
      advice: `fairlead doctor backend --device=${device} ...`,
    });
  }
  if (neighbour === 'failed' || neighbour === 'incomplete') {
    found.push({
      level: 'problem',
      check: 'balancer',
      text: `${nextHop} does not answer on ${device}`,
      why: 'It is the load balancer, or the router towards it.',
      command: ['ip', 'neighbour', 'show', 'dev', device],
      advice: 'Look whether it is up and on this link.',
    });
  }
  return found.length > 0
    ? found
    : [fine('balancer', `${address} is reached by ${device}${nextHop === address ? '' : `, over ${nextHop}`}`)];
}
