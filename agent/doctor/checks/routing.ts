// Checks of how the kernel treats packets on a device: the reverse path filter, forwarding.
// Imports its neighbours and agent/model.
// Invariant: forwarding is not switched on by --fix: it makes the machine a router.

import { familyOf } from '../../model/address.js';
import { setDeviceSetting } from '../commands.js';
import type { DeviceFacts } from '../facts.js';
import { type Finding, fine } from '../finding.js';

const STRICT = 1;
const LOOSE = 2;

/** `role`: what strict filtering takes from the load balancer and from a backend differs. */
export function checkReversePath(devices: readonly DeviceFacts[], role: 'balancer' | 'backend'): readonly Finding[] {
  return devices.flatMap(({ name, settings: { rpFilter } }): readonly Finding[] => {
    if (rpFilter === undefined) return [];
    if (rpFilter !== STRICT) return [fine('rp-filter', `${name}: rp_filter is ${rpFilter === LOOSE ? 'loose' : 'off'}`)];
    return [
      {
        level: role === 'backend' ? 'problem' : 'warning',
        check: 'rp-filter',
        text: `${name}: rp_filter is strict (1)`,
        why:
          role === 'backend'
            ? 'The kernel drops packets of clients whose way back leads out of another device, after the outer header was taken off.'
            : 'The kernel drops what the program passes to it (ICMP, connections of its own) when the way back to the sender is another device.',
        // The kernel takes the greater of the device's value and that of "all", so this serves whatever "all" is.
        command: setDeviceSetting(4, name, 'rp_filter', LOOSE),
        harmless: true,
      },
    ];
  });
}

export function checkForwarding(devices: readonly DeviceFacts[]): readonly Finding[] {
  return devices.flatMap(({ name, addresses, settings: { forwarding4, forwarding6 } }) =>
    (
      [
        [4, forwarding4],
        [6, forwarding6],
      ] as const
    ).flatMap(([family, on]): readonly Finding[] => {
      if (on === undefined || !addresses.some(({ address }) => familyOf(address) === family)) return [];
      if (on) return [fine('forwarding', `${name}: IPv${family} forwarding is on`)];
      return [
        {
          level: 'warning',
          check: 'forwarding',
          text: `${name}: IPv${family} forwarding is off`,
          why:
            'The program then cannot ask the kernel for routes: a next hop that changes while no agent runs is not followed, and ' +
            'a router\'s "packet too big" about a wrapped packet does not reach the client.',
          command: setDeviceSetting(family, name, 'forwarding', 1),
          advice:
            family === 4
              ? 'It makes the machine route what comes in by the device: filter what it must not.'
              : 'It makes the machine a router: it filters nothing, and takes no router advertisements any more unless accept_ra is 2.',
        },
      ];
    }),
  );
}
