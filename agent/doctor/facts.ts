// What the checks look at: the machine as it is, as plain data. Readers fill it in (linux/), tests write it down.
// Imports platform/port and agent/model, types alone.
// Invariant: undefined means "could not be seen"; a check then says nothing, or that it was not made, never that all is well.

import type { InterfaceInfo, NeighbourState } from '../../platform/port.js';
import type { Dispatch } from '../model/service.js';
import type { BackendView, NeighbourView, ServiceView, StatusView } from '../model/views.js';

export interface MachineFacts {
  /** Whether this process may see and do everything. */
  readonly root: boolean;
  /** '6.18.44-generic' */
  readonly kernelRelease: string;
  /** Whether the kernel describes its own types (CONFIG_DEBUG_INFO_BTF). */
  readonly btf: boolean;
  /** net.core.bpf_jit_enable: 0 interprets programs. */
  readonly jit: number | undefined;
  /** Whether a BPF file system is at /sys/fs/bpf. */
  readonly bpfFileSystem: boolean;
  /** Bytes that programs may still take without swapping. */
  readonly memoryAvailable: number | undefined;
  /** First line of what the compiler says of itself; undefined: there is none, or it does not matter here. */
  readonly clang: string | undefined;
  /** Whether libbpf's headers are installed. */
  readonly bpfHeaders: boolean;
  /** Why libbpf cannot be used; undefined: it can. Without it no device could be looked at. */
  readonly libraryTrouble: string | undefined;
}

/** The XDP program on a device. */
export interface XdpFacts {
  readonly programId: number;
  readonly programName: string;
  readonly mode: 'native' | 'generic';
  /** Instance of Fairlead that it belongs to; undefined: it is somebody else's. */
  readonly instance: string | undefined;
  /** Id of the BPF link that holds it there; undefined: none, or it could not be seen. */
  readonly linkId: number | undefined;
}

/** Offloads; undefined: could not be seen. */
export interface OffloadFacts {
  /** large-receive-offload: the card puts packets together, and nobody can take them apart again. */
  readonly lro: boolean | undefined;
  /** tx-checksumming: the stack leaves checksums to the device. */
  readonly tx: boolean | undefined;
}

/** The other end of a veth pair. */
export type PeerFacts =
  | { readonly where: 'here'; readonly name: string; readonly tx: boolean | undefined; readonly xdp: boolean }
  | { readonly where: 'elsewhere' };

/** Kernel settings that hold for a device. Where the kernel takes the greater of the device's and that of "all", this is it. */
export interface DeviceSettings {
  readonly rpFilter: number | undefined;
  readonly arpIgnore: number | undefined;
  readonly arpAnnounce: number | undefined;
  readonly forwarding4: boolean | undefined;
  readonly forwarding6: boolean | undefined;
  /** Whether IPv6 is switched off. */
  readonly ipv6Off: boolean | undefined;
}

export interface DeviceFacts extends InterfaceInfo {
  /** 'ixgbe', 'veth'; undefined: unknown. */
  readonly driver: string | undefined;
  readonly offloads: OffloadFacts;
  /** Of a veth device. */
  readonly peer: PeerFacts | undefined;
  readonly xdp: XdpFacts | undefined;
  readonly settings: DeviceSettings;
}

/** How the devices were chosen, for people: 'as given by --device'. */
export interface DeviceChoice {
  readonly devices: readonly DeviceFacts[];
  /** Asked for and not there. */
  readonly missing: readonly string[];
  readonly chosenBy: string;
}

/** What a running agent knows. */
export interface AgentFacts {
  readonly status: StatusView;
  readonly services: readonly ServiceView[];
  readonly backends: readonly BackendView[];
  readonly neighbours: readonly NeighbourView[];
}

export interface BalancerFacts extends DeviceChoice {
  readonly machine: MachineFacts;
  /** All devices of this node with their addresses. */
  readonly interfaces: readonly InterfaceInfo[];
  /** net.ipv4.ip_local_port_range, inclusive. */
  readonly localPorts: readonly [number, number] | undefined;
  /** net.ipv4.ip_local_reserved_ports: ranges that the kernel leaves alone. */
  readonly reservedPorts: readonly (readonly [number, number])[];
  /** Undefined: none answers. */
  readonly agent: AgentFacts | undefined;
  /** Why an agent that is there could not be asked. */
  readonly agentTrouble: string | undefined;
}

/** What takes the outer header off. */
export interface DecapFacts {
  /** Programs at the device's tc ingress, by name. */
  readonly tc: readonly string[] | undefined;
  /** The program at its XDP hook, by name. */
  readonly xdp: string | undefined;
  /** Tunnel devices that are up: 'tunl0', 'ip6tnl0'. */
  readonly tunnels: readonly string[];
  /** What backends/linux/install.sh has noted for the device; undefined: it was not run. */
  readonly installed: InstalledFacts | undefined;
}

export interface InstalledFacts {
  readonly dispatch: string;
  readonly vips: readonly string[];
  /** Outer destinations that the decapsulator takes. */
  readonly addresses: readonly string[];
}

/** The way from the backend to a load balancer. */
export interface RouteFacts {
  readonly address: string;
  /** Undefined: there is no route. */
  readonly device: string | undefined;
  readonly nextHop: string | undefined;
  readonly neighbour: NeighbourState | undefined;
}

export interface BackendDeviceFacts extends DeviceFacts {
  readonly decap: DecapFacts;
  /** VIPs that this host answers neighbour solicitations for, as a proxy. */
  readonly proxies: readonly string[];
}

export interface BackendFacts {
  readonly machine: MachineFacts;
  readonly devices: readonly BackendDeviceFacts[];
  readonly missing: readonly string[];
  readonly chosenBy: string;
  readonly interfaces: readonly InterfaceInfo[];
  readonly loopback: { readonly name: string; readonly ipv6Off: boolean | undefined };
  /** Families of which some route names a smaller MSS (advmss). */
  readonly clampedFamilies: readonly (4 | 6)[];
  readonly vips: readonly string[];
  readonly dispatch: Dispatch;
  readonly balancer: RouteFacts | undefined;
  /** Path of install.sh of this package; undefined: it is not there. */
  readonly installScript: string | undefined;
}
