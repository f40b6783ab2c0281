// Checks of the XDP hook: programs of others, the mode that ours runs in, what the driver can.
// Imports its neighbours alone.
// Invariant: somebody else's program is never taken off by --fix.

import type { DeviceFacts, XdpFacts } from '../facts.js';
import { type Finding, fine } from '../finding.js';
import type { Command } from '../commands.js';

/** Drivers with native XDP (those of Linux 6.x with XDP_TX), as their sources have it (ndo_bpf). A driver that is none of these may have got it since. */
const NATIVE: ReadonlySet<string> = new Set(
  (
    'veth virtio_net tun ixgbe ixgbevf i40e ice igb igc mlx4_en mlx5_core bnxt_en nfp qede sfc ena hv_netvsc gve mvneta mvpp2 stmmac ' +
    'st_gmac dpaa_eth fsl_dpaa2_eth fsl_enetc fec thunder-nicvf netsec bonding vmxnet3 mana tsnep cpsw am65-cpsw-nuss funeth lan966x mtk_soc_eth'
  ).split(' '),
);
/** The program that libxdp puts in front of several others. */
const DISPATCHER = 'xdp_dispatcher';

export function checkXdp(devices: readonly DeviceFacts[]): readonly Finding[] {
  return devices.flatMap((device) => [...checkHook(device), ...checkPeer(device)]);
}

function checkHook({ name, xdp, driver }: DeviceFacts): readonly Finding[] {
  if (xdp === undefined) return driver === undefined ? [] : [checkDriver(name, driver)];
  if (xdp.instance === undefined) return [foreignProgram(name, xdp)];
  const text = `${name}: program of instance ${xdp.instance}, id ${xdp.programId}, ${xdp.mode}`;
  if (xdp.mode === 'native') return [fine('xdp', text)];
  return [
    {
      level: 'warning',
      check: 'xdp',
      text,
      why: "Generic mode runs behind the driver, in the kernel's stack: it is several times slower, and copies packets that lie in pieces.",
      advice:
        driver !== undefined && NATIVE.has(driver)
          ? `${driver} has native XDP: start the agent with --xdp-mode=native, and it says what is in the way.`
          : 'A card whose driver has native XDP is faster.',
    },
  ];
}

function checkDriver(name: string, driver: string): Finding {
  if (NATIVE.has(driver)) return fine('xdp', `${name}: nothing attached, ${driver} has native XDP`);
  return {
    level: 'note',
    check: 'xdp',
    text: `${name}: ${driver} is not among the drivers that are known to have native XDP`,
    why: 'The agent then takes generic mode, which is several times slower.',
  };
}

function foreignProgram(name: string, { programId, programName, mode, linkId }: XdpFacts): Finding {
  const called = programName === '' ? '' : ` ${programName}`;
  return {
    level: 'problem',
    check: 'foreign-xdp',
    text: `${name}: XDP program${called} (id ${programId}, ${mode}) is not Fairlead's`,
    why: 'A device has one XDP program. The agent does not start on a device with another one, and never takes it off.',
    command: detach(name, programName, mode, linkId),
    advice: `First find out whose it is: bpftool prog show id ${programId}`,
  };
}

function detach(name: string, programName: string, mode: XdpFacts['mode'], linkId: number | undefined): Command {
  if (programName === DISPATCHER) return ['xdp-loader', 'unload', name, '--all'];
  if (linkId !== undefined) return ['bpftool', 'link', 'detach', 'id', String(linkId)];
  return ['ip', 'link', 'set', 'dev', name, mode === 'generic' ? 'xdpgeneric' : 'xdp', 'off'];
}

/** A veth device hands frames that a program sends over to a peer that runs an XDP program itself, and to no other. */
function checkPeer({ name, peer, xdp }: DeviceFacts): readonly Finding[] {
  if (peer?.where !== 'here' || xdp?.mode === 'generic') return [];
  if (peer.xdp) return [fine('veth', `${name}: its peer ${peer.name} runs an XDP program`)];
  return [
    {
      level: 'problem',
      check: 'veth',
      text: `${name}: its peer ${peer.name} runs no XDP program`,
      why: 'A veth device drops what a native XDP program sends (XDP_TX, XDP_REDIRECT) when its other end runs none.',
      advice: 'Attach one that passes everything to the peer (samples/founding-lab/pass.bpf.c), or start with --xdp-mode=generic.',
    },
  ];
}
