// What Windows' own tools do about devices and addresses.
// Imports ../commands.ts.

import type { Command, Remedies } from '../commands.js';

/** The adapter of Microsoft KM-TEST Loopback that backends/windows/install.ps1 makes bears this name. */
export const LOOPBACK_ADAPTER = 'fairlead-vip';

const family = (address: string): string => (address.includes(':') ? 'ipv6' : 'ipv4');

export const WINDOWS_REMEDIES: Remedies = {
  raise: (device) => ['netsh.exe', 'interface', 'set', 'interface', device, 'enabled'],
  addAddress: (address, device = LOOPBACK_ADAPTER) => [
    'netsh.exe',
    'interface',
    family(address),
    'add',
    'address',
    device,
    `${address}/${address.includes(':') ? 128 : 32}`,
  ],
  removeAddress: (address, _prefixLength, device) => ['netsh.exe', 'interface', family(address), 'delete', 'address', device, address],
  listDevices: '`Get-NetAdapter` lists the adapters: their Name is what --device takes, in any case.',
  addRoute: (address) => `netsh interface ${family(address)} add route ${address}/${address.includes(':') ? 128 : 32} ADAPTER GATEWAY`,
};

export const startService = (name: string): Command => ['sc.exe', 'start', name];
