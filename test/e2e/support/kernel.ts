// What the kernel itself says of a data plane: programs on devices, pins, programs and maps by bpftool.
// Imports the lab and Node. Knows nothing of the agent but its instance's name.
// Invariant: looks only; nothing is changed here.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '../../../samples/founding-lab/command.js';
import type { Host } from '../../../samples/founding-lab/host.js';

const PIN_ROOT = '/sys/fs/bpf/fairlead';

/**
 * What bpftool answers to these words, read from its JSON. Its status is not looked at: that of Ubuntu 24.04 shows a link and then
 * ends with 255. What it could not do, it says in the JSON.
 */
export async function bpftool(...words: readonly string[]): Promise<unknown> {
  const { stdout } = await runCommand(['bpftool', '-j', ...words], { check: false });
  const answer = JSON.parse(stdout) as unknown;
  const { error } = (answer ?? {}) as { error?: string };
  if (error !== undefined) throw new Error(`bpftool ${words.join(' ')}: ${error}`);
  return answer;
}

/** The XDP program on a device, as `ip` tells it: id and whether native or generic. Undefined: none. */
export async function xdpOn(
  host: Host,
  device = 'eth0',
): Promise<{ readonly id: number; readonly mode: 'native' | 'generic' } | undefined> {
  const { stdout } = await runCommand(['ip', '-n', host.namespace, '-j', '-d', 'link', 'show', 'dev', device]);
  const [link] = JSON.parse(stdout) as { xdp?: { mode: number; prog: { id: number } } }[];
  // XDP_ATTACHED_DRV is 1, XDP_ATTACHED_SKB is 2 (linux/if_link.h).
  return link?.xdp && { id: link.xdp.prog.id, mode: link.xdp.mode === 1 ? 'native' : 'generic' };
}

/** Paths of all pins of an instance; empty when its folder is not there. */
export function pinsOf(instance: string): readonly string[] {
  const folder = join(PIN_ROOT, instance);
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder, { withFileTypes: true, recursive: true }).filter((entry) => !entry.isDirectory());
  return files.map((entry) => join(entry.parentPath, entry.name)).sort();
}

/** Paths of the pinned maps of an instance. */
export function mapPinsOf(instance: string): readonly string[] {
  return pinsOf(instance).filter((path) => /\/maps-[0-9a-f]+\//.test(path));
}

/** Whether a program with this id is loaded. */
export async function programExists(id: number): Promise<boolean> {
  return (await runCommand(['bpftool', 'prog', 'show', 'id', String(id)], { check: false })).status === 0;
}

/** Whether a map with this id exists. */
export async function mapExists(id: number): Promise<boolean> {
  return (await runCommand(['bpftool', 'map', 'show', 'id', String(id)], { check: false })).status === 0;
}

/** The MAC address that the data plane sends to for a backend: of slot `id`, less than 256, in lb4_backends. */
export async function macInMap(instance: string, id: number): Promise<string> {
  const path = mapPinsOf(instance).find((pin) => pin.endsWith('/lb4_backends')) ?? '';
  const entry = (await bpftool('map', 'lookup', 'pinned', path, 'key', String(id), '0', '0', '0')) as {
    formatted: { value: { dst_mac: readonly number[] } };
  };
  return entry.formatted.value.dst_mac.map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}
