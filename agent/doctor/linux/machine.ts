// Reads the machine's facts from /proc, /sys and the compiler.
// Imports node's own modules and its neighbours.
// Invariant: what cannot be read is undefined; nothing here throws.

import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { release } from 'node:os';
import type { DeviceSettings, MachineFacts } from '../facts.js';
import { look } from '../run.js';

const BPF_FS_MAGIC = 0xcafe4a11;
const HEADERS = ['/usr/include', '/usr/local/include'].map((folder) => `${folder}/bpf/bpf_helpers.h`);

/** `compiles`: the compiler matters here, and is asked for its version. */
export async function readMachine(libraryTrouble: string | undefined, compiles: boolean): Promise<MachineFacts> {
  const version = compiles ? await look(['clang', '--version']) : undefined;
  return {
    root: process.getuid?.() === 0,
    kernelRelease: release(),
    btf: existsSync('/sys/kernel/btf/vmlinux'),
    jit: readNumber('net/core/bpf_jit_enable'),
    bpfFileSystem: isBpfFileSystem('/sys/fs/bpf'),
    memoryAvailable: readMemory(),
    clang: version?.split('\n')[0]?.trim(),
    bpfHeaders: HEADERS.some((file) => existsSync(file)),
    libraryTrouble,
  };
}

/** `name` below /proc/sys, with '/'; of the network: that of this process's namespace. */
export function readSetting(name: string): string | undefined {
  return readText(`/proc/sys/${name}`)?.trim();
}

function readNumber(name: string): number | undefined {
  const text = readSetting(name);
  return text === undefined || !/^-?\d+$/.test(text) ? undefined : Number(text);
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function isBpfFileSystem(path: string): boolean {
  try {
    return statfsSync(path).type === BPF_FS_MAGIC;
  } catch {
    return false;
  }
}

function readMemory(): number | undefined {
  const found = /^MemAvailable:\s*(\d+) kB$/m.exec(readText('/proc/meminfo') ?? '');
  return found === null ? undefined : Number(found[1]) * 1024;
}

/** '8080,9148-9150' */
export function readReservedPorts(): readonly (readonly [number, number])[] {
  return (readSetting('net/ipv4/ip_local_reserved_ports') ?? '')
    .split(',')
    .map((part) => part.split('-').map(Number))
    .flatMap(([low, high = low]): (readonly [number, number])[] =>
      low === undefined || high === undefined || low === 0 ? [] : [[low, high]],
    );
}

export function readDeviceSettings(device: string): DeviceSettings {
  const own = (family: 4 | 6, name: string) => readNumber(`net/ipv${family}/conf/${device}/${name}`);
  // The kernel takes the greater of the two (Documentation/networking/ip-sysctl.rst).
  const greater = (name: string) => {
    const value = own(4, name);
    return value === undefined ? undefined : Math.max(value, readNumber(`net/ipv4/conf/all/${name}`) ?? 0);
  };
  const isOn = (value: number | undefined) => (value === undefined ? undefined : value !== 0);
  return {
    rpFilter: greater('rp_filter'),
    arpIgnore: greater('arp_ignore'),
    arpAnnounce: greater('arp_announce'),
    forwarding4: isOn(own(4, 'forwarding')),
    forwarding6: isOn(own(6, 'forwarding')),
    ipv6Off: isOn(own(6, 'disable_ipv6')),
  };
}

/** Whether IPv6 is off on a device; true where the kernel has none. */
export function isIpv6Off(device: string): boolean | undefined {
  return readDeviceSettings(device).ipv6Off;
}
