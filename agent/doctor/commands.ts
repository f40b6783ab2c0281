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

/** As a person types it. */
export function commandText(command: Command): string {
  return command.map(quoteWord).join(' ');
}

function quoteWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
