// The commands that findings name, as words, and how they look in a shell.
// Imports nothing.
// Invariant: a shell that reads the text of a command runs exactly its words.

export type Command = readonly string[];

/** Sets one kernel setting of a device. A device's name may have a dot in it; then the parts are parted by '/' (sysctl(8)). */
export function setDeviceSetting(family: 4 | 6, device: string, name: string, value: number): Command {
  const dot = device.includes('.') ? '/' : '.';
  return ['sysctl', '-w', `${['net', `ipv${family}`, 'conf', device, name].join(dot)}=${value}`];
}

export const setSetting = (name: string, value: string | number): Command => ['sysctl', '-w', `${name}=${value}`];

export const setMtu = (device: string, mtu: number): Command => ['ip', 'link', 'set', 'dev', device, 'mtu', String(mtu)];

export const setOffload = (device: string, feature: string, on: boolean): Command => ['ethtool', '-K', device, feature, on ? 'on' : 'off'];

export const hostPrefix = (address: string): string => `${address}/${address.includes(':') ? 128 : 32}`;

/** What a platform's own tools do about devices and addresses, for the checks that both platforms share. */
export interface Remedies {
  raise(device: string): Command;
  /** Undefined: on loopback. */
  addAddress(address: string, device?: string): Command;
  removeAddress(address: string, prefixLength: number, device: string): Command;
  /** What to type for a list of devices, for people. */
  readonly listDevices: string;
  /** What to type for a route to one address, for people. */
  addRoute(address: string): string;
}

export const LINUX_REMEDIES: Remedies = {
  raise: (device) => ['ip', 'link', 'set', 'dev', device, 'up'],
  addAddress: (address, device = 'lo') => ['ip', 'address', 'add', hostPrefix(address), 'dev', device],
  removeAddress: (address, prefixLength, device) => ['ip', 'address', 'del', `${address}/${prefixLength}`, 'dev', device],
  listDevices: '`ip link` lists the devices of this network namespace.',
  addRoute: (address) => `ip route add ${hostPrefix(address)} via GATEWAY`,
};

/** The shell that a command is shown for. Both read a quoted word alike, unless it has a quote in it; how a line goes on in the next they have apart. */
export type Shell = 'sh' | 'powershell';

/** As a person types it. */
export function commandText(command: Command, shell: Shell = 'sh'): string {
  return command.map((word) => quoteWord(word, shell)).join(' ');
}

/** PowerShell splits a word at a comma, and one that begins with '-' at a dot too; what else it takes for more than a letter stands first. */
const PLAIN: Readonly<Record<Shell, RegExp>> = { sh: /^[\w@%+=:,./-]+$/, powershell: /^(?:[\w/][\w+=:./-]*|-[\w-]*)$/ };
const QUOTE: Readonly<Record<Shell, string>> = { sh: `'\\''`, powershell: "''" };

function quoteWord(word: string, shell: Shell): string {
  return PLAIN[shell].test(word) ? word : `'${word.replaceAll("'", QUOTE[shell])}'`;
}
