// Reads what the port does not tell of devices: driver and offloads by ethtool, the other end of veth pairs by iproute2, links by bpftool.
// Imports platform/port and its neighbours.
// Invariant: netlink and ioctl, not /sys/class/net, which may show another network namespace than this process's.

import type { InterfaceInfo, Platform } from '../../../platform/port.js';
import type { DeviceFacts, OffloadFacts, PeerFacts, XdpFacts } from '../facts.js';
import { findInstance } from '../instance.js';
import { readDeviceSettings } from './machine.js';
import { look, lookJson } from '../run.js';

/** One element of `ip -json -details link show`, as far as it is used. */
interface LinkEntry {
  readonly ifname?: string;
  /** Name of the other end, when it is in this namespace. */
  readonly link?: string;
  /** Else its index there. */
  readonly link_index?: number;
  readonly linkinfo?: { readonly info_kind?: string };
}

/** One element of `bpftool -j link show`. */
interface BpfLinkEntry {
  readonly id?: number;
  readonly type?: string;
  readonly prog_id?: number;
  readonly ifindex?: number;
}

/** Everything about the devices given. */
export async function readDevices(platform: Platform, infos: readonly InterfaceInfo[]): Promise<readonly DeviceFacts[]> {
  const links = await readLinks();
  return Promise.all(infos.map((info) => readDevice(platform, info, links)));
}

async function readDevice(platform: Platform, info: InterfaceInfo, links: readonly LinkEntry[]): Promise<DeviceFacts> {
  const entry = links.find(({ ifname }) => ifname === info.name);
  const [driver, offloads, xdp] = await Promise.all([readDriver(info.name), readOffloads(info.name), readXdp(platform, info)]);
  const kind = entry?.linkinfo?.info_kind;
  return {
    ...info,
    driver: driver ?? kind,
    offloads,
    peer: entry === undefined || kind !== 'veth' ? undefined : await readPeer(platform, entry),
    xdp,
    settings: readDeviceSettings(info.name),
  };
}

async function readLinks(): Promise<readonly LinkEntry[]> {
  const read = await lookJson(['ip', '-json', '-details', 'link', 'show']);
  return Array.isArray(read) ? (read as LinkEntry[]) : [];
}

/** Names of tunnel devices that are up and take IP in IP. */
export async function readTunnels(interfaces: readonly InterfaceInfo[]): Promise<readonly string[]> {
  const kinds = ['ipip', 'ip6tnl', 'sit'];
  const tunnels = (await readLinks()).filter(({ linkinfo }) => kinds.includes(linkinfo?.info_kind ?? ''));
  return interfaces.filter(({ name, up }) => up && tunnels.some(({ ifname }) => ifname === name)).map(({ name }) => name);
}

async function readPeer(platform: Platform, entry: LinkEntry): Promise<PeerFacts> {
  const peer = platform.network.interfaces().find(({ name }) => name === entry.link);
  if (peer === undefined) return { where: 'elsewhere' };
  const { tx } = await readOffloads(peer.name);
  return { where: 'here', name: peer.name, tx, xdp: platform.bpf.attachedProgram(peer.index) !== undefined };
}

async function readDriver(device: string): Promise<string | undefined> {
  return /^driver: (\S+)$/m.exec((await look(['ethtool', '-i', device])) ?? '')?.[1];
}

/** By `ethtool -k`, whose names of features are the same in all its versions (its JSON form is not). */
async function readOffloads(device: string): Promise<OffloadFacts> {
  const text = (await look(['ethtool', '-k', device])) ?? '';
  const read = (name: string) => {
    const found = new RegExp(`^${name}: (on|off)`, 'm').exec(text);
    return found === null ? undefined : found[1] === 'on';
  };
  return { lro: read('large-receive-offload'), tx: read('tx-checksumming') };
}

async function readXdp(platform: Platform, { name, index }: InterfaceInfo): Promise<XdpFacts | undefined> {
  const attached = platform.bpf.attachedProgram(index);
  if (attached === undefined) return undefined;
  const instance = findInstance(platform, name, attached.programId);
  return { ...attached, instance, linkId: instance === undefined ? await findLink(attached.programId, index) : undefined };
}

/** Id of the BPF link that holds the program there: taking the program off by netlink is refused then. */
async function findLink(programId: number, index: number): Promise<number | undefined> {
  const read = await lookJson(['bpftool', '--json', 'link', 'show']);
  const links = Array.isArray(read) ? (read as BpfLinkEntry[]) : [];
  return links.find((link) => link.type === 'xdp' && link.prog_id === programId && (link.ifindex ?? index) === index)?.id;
}
