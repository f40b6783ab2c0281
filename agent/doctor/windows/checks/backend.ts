// Checks of a Windows backend: the virtual addresses on an adapter of their own, weak host send and receive, the dispatch, the way to the load balancer.
// Imports its neighbours and agent/model. backends/windows/install.ps1 makes what has to hold.

import { familyOf } from '../../../model/address.js';
import { type Finding, fine } from '../../finding.js';
import type { HostModel, WindowsBackendFacts } from '../facts.js';
import { LOOPBACK_ADAPTER, WINDOWS_REMEDIES } from '../remedies.js';

export function checkDispatch({ dispatch }: WindowsBackendFacts): readonly Finding[] {
  if (dispatch === 'l2') return [];
  return [
    {
      level: 'problem',
      check: 'decap',
      text: `nothing on Windows takes off the outer header of dispatch ${dispatch}`,
      why: 'bpf_xdp_adjust_head refuses in every release of XDP for Windows so far (xdp-for-windows issues 457 and 891).',
      advice:
        'On the load balancer: `mode update dsr` with --dsr-dispatch=l2, or SNAT for this service. Then look again with --dispatch=l2.',
    },
  ];
}

/** Every address has to be on some adapter that the load balancer's frames do not come by. */
export function checkVipPlaces({ vips, interfaces, devices, installScript }: WindowsBackendFacts): readonly Finding[] {
  return vips.flatMap((vip): readonly Finding[] => {
    const places = interfaces.filter(({ addresses }) => addresses.some(({ address }) => address === vip));
    const onLink = places.filter(({ index }) => devices.some((device) => device.index === index));
    const found = onLink.map(
      ({ name }): Finding => ({
        level: 'problem',
        check: 'vip',
        text: `${vip} is on ${name}`,
        why: 'The backend answers for the address on the link and takes it from the load balancer, for all clients that ask.',
        command: WINDOWS_REMEDIES.removeAddress(vip, familyOf(vip) === 6 ? 128 : 32, name),
        advice: 'It belongs on a loopback adapter: backends/windows/install.ps1 makes one.',
      }),
    );
    if (places.length > onLink.length) return found.length > 0 ? found : [fine('vip', `${vip} is on ${places[0]?.name}`)];
    const missing: Finding = {
      level: 'problem',
      check: 'vip',
      text: `${vip} is on no loopback adapter`,
      why: 'Windows takes packets to it for those of another host and drops them.',
      advice: `The script makes the adapter ${LOOPBACK_ADAPTER} with the addresses on it, and sets weak host send and receive.`,
    };
    const [device] = devices;
    if (installScript === undefined || device === undefined) return [...found, missing];
    return [...found, { ...missing, command: installCommand(installScript, vips, device.name) }];
  });
}

function installCommand(script: string, vips: readonly string[], device: string): readonly string[] {
  // -Command, not -File: a list of several addresses is one only to PowerShell's own parser.
  const list = vips.map((vip) => `'${vip}'`).join(',');
  return ['powershell.exe', '-NoProfile', '-Command', `& '${script}' -InterfaceAlias '${device.replaceAll("'", "''")}' -Vip ${list}`];
}

/** Without them Windows drops what comes to an adapter for another one's address, and sends no packet out by one from another's address. */
export function checkWeakHost({ devices, interfaces, hostModels, vips }: WindowsBackendFacts): readonly Finding[] {
  const families = ([4, 6] as const).filter((family) => vips.some((vip) => familyOf(vip) === family));
  const holders = interfaces.filter(({ addresses }) => addresses.some(({ address }) => vips.includes(address)));
  const all = [...devices, ...holders.filter(({ index }) => !devices.some((device) => device.index === index))];
  const found = families.flatMap((family) =>
    all.flatMap(({ name, index }) => {
      const model = hostModels?.find((one) => one.ifindex === index && one.family === family);
      return checkHostModel(name, index, family, model);
    }),
  );
  return found.length > 0 ? found : [fine('weak-host', 'weak host send and receive are on where they are needed')];
}

function checkHostModel(name: string, index: number, family: 4 | 6, model: HostModel | undefined): readonly Finding[] {
  if (model === undefined) {
    return [
      {
        level: 'note',
        check: 'weak-host',
        text: `${name}: weak host send and receive of IPv${family} could not be seen (Get-NetIPInterface)`,
      },
    ];
  }
  const off = [...(model.weakSend ? [] : ['send']), ...(model.weakReceive ? [] : ['receive'])];
  if (off.length === 0) return [];
  return [
    {
      level: 'problem',
      check: 'weak-host',
      text: `${name}: weak host ${off.join(' and ')} is off for IPv${family}`,
      why: 'Windows then drops what comes in by one adapter for the address of another one, or sends no answer from it.',
      command: [
        'netsh.exe',
        'interface',
        `ipv${family}`,
        'set',
        'interface',
        String(index),
        'weakhostsend=enabled',
        'weakhostreceive=enabled',
      ],
      harmless: true,
    },
  ];
}

export function checkBalancerRoute({ balancer, dispatch }: WindowsBackendFacts): readonly Finding[] {
  if (balancer === undefined) return [];
  const { address, device, nextHop, neighbour } = balancer;
  const advice = WINDOWS_REMEDIES.addRoute(address);
  if (device === undefined)
    return [{ level: 'problem', check: 'balancer', text: `no route leads to the load balancer ${address}`, advice }];
  if (dispatch === 'l2' && nextHop !== address) {
    return [
      {
        level: 'problem',
        check: 'balancer',
        text: `a router (${nextHop}) is between this backend and ${address}`,
        why: 'L2 dispatch sends frames to the MAC address of the backend: both have to be on one link.',
        advice: 'Put them on one link, or use SNAT for this service.',
      },
    ];
  }
  if (neighbour === 'failed' || neighbour === 'incomplete') {
    return [
      {
        level: 'problem',
        check: 'balancer',
        text: `${nextHop} does not answer on ${device}`,
        advice: `Look whether it is up and on this link: Test-Connection ${nextHop}.`,
      },
    ];
  }
  return [fine('balancer', `${address} is reached by ${device}`)];
}
