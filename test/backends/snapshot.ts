// What install.sh may touch on a host, as text: two snapshots that are equal mean that nothing was left behind.
// Imports lab.ts alone. Changes nothing.

import type { Host } from './lab.js';

export const SYSCTLS = ['rp_filter', 'arp_ignore', 'arp_announce'];
export const sysctlPath = (name: string): string => `/proc/sys/net/ipv4/conf/eth0/${name}`;

/** Addresses, routes, XDP, tc, sysctls, saved state and pins of a host. */
export function snapshot(host: Host): string {
  return [
    host.run('ip', '-o', 'address'),
    host.run('ip', '-4', 'route', 'show', 'table', 'all'),
    host.run('ip', '-6', 'route', 'show', 'table', 'all'),
    host.run('ip', '-d', 'link', 'show', 'dev', 'eth0'),
    host.run('tc', 'qdisc', 'show', 'dev', 'eth0'),
    host.attempt('tc', 'filter', 'show', 'dev', 'eth0', 'ingress').stdout,
    host.run('sh', '-c', 'grep -H . /proc/sys/net/ipv4/conf/*/rp_filter /proc/sys/net/ipv4/conf/*/arp_*'),
    host.run('sh', '-c', 'grep -H . /proc/sys/net/ipv6/conf/*/disable_ipv6 /proc/sys/net/ipv6/conf/*/proxy_ndp'),
    host.run('sh', '-c', `ls -d /run/fairlead-backend/${host.inode}-* /sys/fs/bpf/fairlead-backend/${host.inode}-* 2>/dev/null || true`),
  ].join('--\n');
}
