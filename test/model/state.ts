// The model's world as plain data: settings, services, backends, the flow tables, and what the kernel's FIB would answer.
// Imports types alone. Addresses and MAC addresses are hex text as they stand in a packet ('28010101'), times are ticks, ports host order.
// Invariant: nothing here is ever changed in place; a step of the model returns a new state that shares what has not changed.

import type { SourceRange } from './source-ranges.js';

export type Family = 4 | 6;
export type Action = 'snat' | 'dsr-ipip' | 'dsr-l2' | 'dsr-ipip6' | 'local';

export const TCP = 6;
export const UDP = 17;
/** What was seen of a TCP connection one way. */
export const SEEN = { syn: 1, other: 2, fin: 4, rst: 8 } as const;

export interface Tuple {
  readonly saddr: string;
  readonly daddr: string;
  readonly sport: number;
  readonly dport: number;
  readonly protocol: number;
}

export interface Flow {
  readonly tuple: Tuple;
  readonly packets: number;
  readonly bytes: number;
  readonly lastSeen: number;
  readonly created: number;
  readonly refreshed: number;
  readonly backendId: number;
  readonly generation: number;
  readonly serviceId: number;
  /** Slot of the reverse entry, and the port; 0 unless the action is SNAT. */
  readonly reverse: number;
  readonly snatPort: number;
  /** See snat-source.ts. */
  readonly snatSource: number;
  readonly action: Action;
  readonly seen: number;
}

/** The link by which a client's packets come: index into devices, and VLAN tags. */
export interface Link {
  readonly device: number;
  readonly tags: number;
  readonly serviceTag: boolean;
  readonly vlan: readonly [number, number];
  readonly mac: string;
}

export interface Reverse {
  readonly tuple: Tuple;
  readonly backendId: number;
  readonly packets: number;
  readonly bytes: number;
  readonly client: string;
  readonly service: string;
  readonly clientPort: number;
  readonly servicePort: number;
  readonly lastSeen: number;
  /** Slot of the flow. */
  readonly flow: number;
  readonly link: Link;
  readonly seen: number;
}

/** A place in a flow table; without an entry it was never used, or is freed. `claims`: how often it was taken or freed; `yielded`: its flow had not ended. */
export interface Slot<Entry> {
  readonly claims: number;
  readonly freed?: true;
  readonly yielded?: true;
  readonly entry: Entry | undefined;
}

export interface Service {
  readonly id: number;
  /** The first of a prefix. */
  readonly address: string;
  /** Of the prefix; undefined: one address. */
  readonly bits?: number;
  readonly port: number;
  /** Of a range; undefined: one port. Every port is 0 to 65535. */
  readonly lastPort?: number;
  readonly protocol: number;
  readonly action: Action;
  readonly backendCount: number;
  /** Backend ids, repeated until the Maglev table is full. */
  readonly table: readonly number[];
  /** Whom it takes; undefined: everybody. */
  readonly sources?: readonly SourceRange[];
  /** New flows of a client follow its last one for so long; undefined or 0: they do not. */
  readonly affinitySeconds?: number;
  /** Of UDP: its backends by their ids in QUIC's connection ids. */
  readonly quic?: QuicServers | undefined;
}

export interface QuicServers {
  /** Number of the configuration, 0 to 7. */
  readonly config: number;
  /** Of each id. */
  readonly bytes: number;
  /** Backend ids by server id in hex. */
  readonly servers: ReadonlyMap<string, number>;
}

/** Where a client's last new flow went. */
export interface Affinity {
  readonly backendId: number;
  readonly generation: number;
  readonly lastUsed: number;
}

/** What a datagram's first fragment tells of the later ones. */
export interface FirstFragment {
  readonly sport: number;
  readonly dport: number;
  readonly protocol: number;
  readonly tcpFlags: number;
  /** Of the datagram, in the first fragment. */
  readonly bytes: number;
  readonly seen: number;
}

export type BackendState = 'free' | 'active' | 'terminating' | 'quarantined' | 'maintenance';

export interface Backend {
  readonly address: string;
  /** 0: the one that the client used. */
  readonly port: number;
  /** LB address towards it; all zeros: none. */
  readonly source: string;
  readonly dstMac: string;
  readonly srcMac: string;
  readonly ifindex: number;
  readonly mtu: number;
  readonly state: BackendState;
  /** Undefined: 1. */
  readonly weight?: number;
  readonly generation: number;
  readonly resolved: boolean;
  /** It is this node. */
  readonly local?: boolean;
  /** When the FIB was asked; 0: never. */
  readonly nextHopAt: number;
}

export interface NextHop {
  readonly dstMac: string;
  readonly srcMac: string;
  readonly ifindex: number;
  readonly mtu: number;
}

export interface Settings {
  /** They are the program's own and stay as they are. */
  readonly compiled?: true;
  readonly ticksPerSecond: number;
  readonly maglevSize: number;
  /** New entries a second and CPU; 0: no bound. */
  readonly newFlowRate: number;
  readonly timeoutSyn: number;
  readonly timeoutEstablished: number;
  readonly timeoutClosing: number;
  readonly timeoutUdp: number;
  readonly snatPorts: readonly [number, number];
  /** A packet to a virtual address on a port that no service has is dropped; undefined or 0: it passes. */
  readonly unknownPortDrops?: number;
  /** How many of `snatAddresses` new flows use; undefined or 0: LB addresses towards backends. */
  readonly snat4Sources?: number;
  readonly snat6Sources?: number;
  readonly snatAddresses?: Readonly<Record<Family, readonly string[]>>;
  /** Packets that the program makes itself, a second and CPU; undefined: none. */
  readonly answerRate?: number;
  /** What a client gets when no backend can serve it: 1 a reset, 2 port unreachable, else nothing. */
  readonly noBackend?: number;
  /** The largest MSS of IPv4's SYNs; undefined or 0: any. */
  readonly mssClamp?: number;
  /** Not 0: echo requests to virtual addresses are answered. */
  readonly vipEcho?: number;
  /** Later fragments of datagrams that nobody knows pass; undefined or 0: they are dropped. */
  readonly earlyFragmentsPass?: number;
  /** Compiled in: SYNs of unproven addresses are answered by a challenge while many flows begin (1), always (2); undefined or 0: never. */
  readonly synChallenge?: number;
  readonly hashSeed: bigint;
  readonly slotSeed: bigint;
  readonly lbAddresses: Readonly<Record<Family, readonly string[]>>;
}

/** One family's tables. */
export interface Plane {
  readonly services: readonly Service[];
  /** What holds for all services. */
  readonly denied?: readonly SourceRange[];
  /** By client and service: see affinity.ts. */
  readonly affinity?: ReadonlyMap<string, Affinity>;
  /** By datagram: see fragments.ts. */
  readonly fragments?: ReadonlyMap<string, FirstFragment>;
  /** By backend id. One that is in use in one family is free in the other: all have their ids in common. */
  readonly backends: readonly Backend[];
  /** On IPv4's way: the backends of IPv6, to which its packets may go too. */
  readonly others?: readonly Backend[];
  readonly flows: readonly Slot<Flow>[];
  readonly replies: readonly Slot<Reverse>[];
}

/** What this CPU has made in a second. */
export interface Window {
  readonly began: number;
  readonly count: number;
}

/** A number that a client gets in a challenge. */
export interface Cookie {
  readonly tuple: Tuple;
  readonly number: number;
}

/** An address that has shown to be its sender's. */
export interface Proof {
  /** Of the address, 32 bits. */
  readonly hash: number;
  readonly when: number;
}

export interface State {
  readonly settings: Settings;
  /** Bits that are set. */
  readonly vips: ReadonlySet<number>;
  /** From index 0, where none is. */
  readonly devices: readonly { readonly ifindex: number; readonly mac: string }[];
  /** What the kernel answers about the address of a backend or a client; nothing: it does not know. */
  readonly fib: ReadonlyMap<string, NextHop>;
  /** New flows of this CPU in a window of a second. */
  readonly window: Window;
  /** Its answers. */
  readonly answers?: Window;
  /** By slot: see challenge.ts. */
  readonly proven?: ReadonlyMap<number, Proof>;
  /** The numbers that the kernel has made for challenges, by client and service: see challenge.ts. */
  readonly cookies?: ReadonlyMap<string, Cookie>;
  readonly planes: Readonly<Record<Family, Plane>>;
}

export const EMPTY: Slot<never> = { claims: 0, entry: undefined };

export function sameTuple(a: Tuple, b: Tuple): boolean {
  return a.sport === b.sport && a.dport === b.dport && a.protocol === b.protocol && a.saddr === b.saddr && a.daddr === b.daddr;
}
