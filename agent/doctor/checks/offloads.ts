// Checks of what devices do for the stack: LRO, and checksums that are left open.
// Imports its neighbours alone.

import { setOffload } from '../commands.js';
import type { DeviceFacts } from '../facts.js';
import { type Finding, fine } from '../finding.js';

const OPEN_CHECKSUMS =
  'A veth pair leaves TCP and UDP checksums to be filled in by a card, and there is none. The program changes addresses by increments ' +
  'of a checksum that is not there yet: the packets arrive with a wrong one.';

export function checkOffloads(devices: readonly DeviceFacts[]): readonly Finding[] {
  return devices.flatMap((device) => {
    const found = [...checkLro(device), ...checkPeerChecksum(device)];
    if (found.length > 0 || (device.offloads.lro ?? device.offloads.tx) === undefined) return found;
    return [fine('offloads', `${device.name}: no offload is in the way`)];
  });
}

/** Nothing was seen where ethtool is not installed, or the device has no such settings. */
export function checkOffloadsSeen(devices: readonly DeviceFacts[]): readonly Finding[] {
  if (devices.length === 0 || devices.some(({ offloads }) => offloads.lro !== undefined || offloads.tx !== undefined)) return [];
  return [
    {
      level: 'note',
      check: 'offloads',
      text: 'offloads (LRO, checksums) could not be seen',
      why: 'ethtool tells them.',
      command: ['apt-get', 'install', '-y', 'ethtool'],
    },
  ];
}

function checkLro({ name, offloads }: DeviceFacts): readonly Finding[] {
  if (offloads.lro !== true) return [];
  return [
    {
      level: 'problem',
      check: 'lro',
      text: `${name}: large receive offload is on`,
      why: 'The card puts packets of a connection together. Drivers refuse native XDP with it, and a router must never forward such packets.',
      command: setOffload(name, 'lro', false),
      advice: 'Some cards take their link down for a moment at that.',
    },
  ];
}

/** Packets that come in by the device are made at its other end: what counts is that one's offload. */
function checkPeerChecksum({ name, peer }: DeviceFacts): readonly Finding[] {
  if (peer === undefined) return [];
  if (peer.where === 'elsewhere') {
    return [
      {
        level: 'note',
        check: 'checksum',
        text: `${name} is a veth device whose other end is in another namespace`,
        why: OPEN_CHECKSUMS,
        advice: 'On the hosts that send by veth: ethtool -K DEVICE tx off. `doctor backend` looks at it on a backend.',
      },
    ];
  }
  if (peer.tx !== true) return [];
  return [
    {
      level: 'problem',
      check: 'checksum',
      text: `${name}: its veth peer ${peer.name} leaves checksums open (tx offload is on)`,
      why: OPEN_CHECKSUMS,
      command: setOffload(peer.name, 'tx', false),
      harmless: true,
    },
  ];
}

/** On a backend the device's own offload counts: its replies begin here. */
export function checkOwnChecksum(devices: readonly DeviceFacts[]): readonly Finding[] {
  return devices.flatMap(({ name, driver, offloads }): readonly Finding[] => {
    if (driver !== 'veth' || offloads.tx === undefined) return [];
    if (!offloads.tx) return [fine('checksum', `${name}: checksums are filled in`)];
    return [
      {
        level: 'warning',
        check: 'checksum',
        text: `${name} is a veth device that leaves checksums open (tx offload is on)`,
        why: `In SNAT mode replies pass the load balancer. ${OPEN_CHECKSUMS}`,
        command: setOffload(name, 'tx', false),
        harmless: true,
      },
    ];
  });
}
