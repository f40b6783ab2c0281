// Builds the lab's network: a namespace for each host and switch, veth pairs between them, addresses and routes.
// Imports its siblings only. Makes things; cleanup.ts removes them.
// Invariant: no namespace has a default route or a device of the machine, so nothing of the lab can leave it.

import { runCommand } from './command.js';
import { FAMILIES, type HostPlan, type LabPlan, networkOf, PREFIX_LENGTHS } from './options.js';

/** An IP packet of so many bytes fits into one buffer of a veth device: a page has a little more. */
const ONE_BUFFER = 3000;

/** A switch only passes frames on: an IPv6 host of its own would add chatter. */
const SWITCH_SYSCTLS = {
  'net/ipv6/conf/all/disable_ipv6': 1,
  'net/ipv6/conf/default/disable_ipv6': 1,
};

/** Settings of a host's namespace, before it has devices. */
const HOST_SYSCTLS = {
  // Link-local addresses serve at once, and nobody looks for routers: there are none.
  'net/ipv6/conf/default/accept_dad': 0,
  'net/ipv6/conf/default/dad_transmits': 0,
  'net/ipv6/conf/default/accept_ra': 0,
  'net/ipv6/conf/default/router_solicitations': 0,
  // A request for the VIP arrives in the LB by one device while its sender may be reached by another.
  'net/ipv4/conf/all/rp_filter': 0,
  'net/ipv4/conf/default/rp_filter': 0,
  // The LB forwards out of the device that a packet came in by, and must not tell the sender to go around it.
  'net/ipv4/conf/all/send_redirects': 0,
  'net/ipv4/conf/default/send_redirects': 0,
  'net/ipv6/conf/all/accept_redirects': 0,
  'net/ipv6/conf/default/accept_redirects': 0,
  // A UDP server may bind the VIP before an install script has put it on lo.
  'net/ipv4/ip_nonlocal_bind': 1,
  'net/ipv6/ip_nonlocal_bind': 1,
};

/** `ip -batch` in a namespace: one process for many commands. Stops at the first that fails. */
async function configure(namespace: string, lines: readonly string[]): Promise<void> {
  await runCommand(['ip', '-n', namespace, '-batch', '-'], { input: `${lines.join('\n')}\n` });
}

async function setSysctls(namespace: string, values: Readonly<Record<string, number>>): Promise<void> {
  const script = Object.entries(values).map(([path, value]) => `if [ -e /proc/sys/${path} ]; then echo ${value} >/proc/sys/${path}; fi`);
  await runCommand(['nsenter', `--net=/run/netns/${namespace}`, 'sh', '-ec', script.join('\n')]);
}

/** Name of the switch's end of a host's link; devices' names end at 15 characters. */
function portName(host: HostPlan, device: string): string {
  return device === 'eth0' ? `p-${host.name}` : `p-${host.name}-${device}`;
}

function addressLines(host: HostPlan, clientMtu: number): string[] {
  const lines: string[] = [];
  for (const { device, addresses, mtu } of host.links) {
    lines.push(`link set ${device} up mtu ${mtu}`);
    for (const family of FAMILIES) {
      const address = addresses[family];
      // Without the check for duplicates, which takes a second or two.
      lines.push(`addr add ${address}/${PREFIX_LENGTHS[family]} dev ${device}${family === 6 ? ' nodad' : ''}`);
      if (host.role === 'backend' && clientMtu < mtu) {
        // A backend takes packets with the outer header, but what it sends goes straight to clients: no bigger than their links.
        const what = family === 4 ? `scope link src ${address}` : 'metric 256';
        lines.push(`route change ${networkOf(address)} dev ${device} proto kernel ${what} mtu ${clientMtu}`);
      }
    }
  }
  return [...lines, ...host.routes.map(({ to, via }) => `route add ${to} via ${via}`)];
}

async function addHost(plan: LabPlan, host: HostPlan): Promise<void> {
  const namespace = `${plan.name}-${host.name}`;
  const forwards = host.role === 'lb' ? 1 : 0;
  await setSysctls(namespace, { ...HOST_SYSCTLS, 'net/ipv4/ip_forward': forwards, 'net/ipv6/conf/all/forwarding': forwards });
  await configure(namespace, [
    'link set lo up',
    ...host.links.map(
      (link) => `link add ${link.device} type veth peer name ${portName(host, link.device)} netns ${plan.name}-${link.switch}`,
    ),
    ...addressLines(host, plan.clientMtu),
  ]);
  for (const { device } of host.links) {
    // Else the stack leaves TCP and UDP checksums to the device, and XDP meets packets whose checksum is not there yet.
    await runCommand(['nsenter', `--net=/run/netns/${namespace}`, 'ethtool', '-K', device, 'tx', 'off']);
  }
}

async function addSwitchPorts(plan: LabPlan, name: string, passObject: string): Promise<void> {
  const links = plan.hosts.flatMap((host) => host.links.map((link) => ({ ...link, port: portName(host, link.device) })));
  await configure(`${plan.name}-${name}`, [
    'link add br0 type bridge mcast_snooping 0',
    'link set br0 up',
    ...links
      .filter((link) => link.switch === name)
      .flatMap(({ port, mtu }) => [
        `link set ${port} mtu ${mtu} master br0 up`,
        `link set dev ${port} xdpdrv obj ${passObject} sec ${mtu > ONE_BUFFER ? 'xdp.frags' : 'xdp'}`,
      ]),
  ]);
}

/** Builds the network. `passObject`: the compiled pass.bpf.c. Errors: FL_E_SYSTEM with the command that failed. */
export async function buildNetwork(plan: LabPlan, passObject: string): Promise<void> {
  for (const name of [...plan.switches, ...plan.hosts.map((host) => host.name)]) {
    await runCommand(['ip', 'netns', 'add', `${plan.name}-${name}`]);
  }
  await Promise.all(plan.switches.map((name) => setSysctls(`${plan.name}-${name}`, SWITCH_SYSCTLS)));
  await Promise.all(plan.hosts.map((host) => addHost(plan, host)));
  await Promise.all(plan.switches.map((name) => addSwitchPorts(plan, name, passObject)));
}
