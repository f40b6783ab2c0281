// The port behind which every kernel stands: Linux (platform/linux), Windows (platform/windows), and an in-memory fake.
// Imports agent/model only. Adapters import this file and agent/model/errors.ts, nothing else of the agent.
// All failures are thrown as FairleadError; a conformance suite (test/platform) holds for every adapter.
// Keys and values are raw bytes; agent/datapath knows their layout. Integers inside are little endian on all our machines.

/** What only some kernels can do; found by probing, never by version. */
export interface Capabilities {
  /** A link's program can be replaced in one step, no packet in between sees none. */
  readonly atomicReplace: boolean;
  /** The program can ask the kernel's FIB for a next hop. */
  readonly fibLookup: boolean;
  /** Frames can be sent out by another device. */
  readonly redirect: boolean;
  /** The driver may hand the program frames of several buffers, as jumbo frames are. */
  readonly multiBuffer: boolean;
  /** The program can have the kernel make and check SYN cookies. */
  readonly synCookies: boolean;
  /** A program can make a packet longer at its head, as IPIP does. 'ask': the loaded one tells, run once (agent/datapath/grows-head.ts). */
  readonly growsHead: boolean | 'ask';
  /** clang's object files can be loaded (else only pre-built native drivers). */
  readonly loadsObjects: boolean;
}

export type MapType =
  | 'hash'
  | 'array'
  | 'percpu_array'
  | 'percpu_hash'
  | 'lru_hash'
  | 'array_of_maps'
  | 'hash_of_maps'
  | 'lpm_trie'
  | 'ringbuf'
  | 'other';
/** Map types whose values are per CPU. */
export const PER_CPU: readonly MapType[] = ['percpu_array', 'percpu_hash'];
export type UpdateWhen = 'any' | 'absent' | 'present';

/** One batch of a map's content: `count` keys and as many values, back to back. The buffers are reused by the next batch. */
export interface MapChunk {
  readonly count: number;
  readonly keys: Buffer;
  readonly values: Buffer;
}

/** A live kernel map. Per-CPU values: one after the other for each possible CPU, each rounded up to 8 bytes. */
export interface BpfMap {
  readonly name: string;
  readonly id: number;
  readonly type: MapType;
  readonly keySize: number;
  /** Bytes of a value as lookup returns it (per-CPU: of all CPUs together). */
  readonly valueSize: number;
  readonly maxEntries: number;
  /** A copy of the value, or undefined when the key is absent. On a map of maps: the inner map's id as u32. */
  lookup(key: Buffer): Buffer | undefined;
  /** Throws FL_E_LIMIT when the map is full, FL_E_CONFLICT when `when` does not hold. */
  update(key: Buffer, value: Buffer, when?: UpdateWhen): void;
  /** False when the key was absent. */
  delete(key: Buffer): boolean;
  /** The whole content in batches; yields to the event loop between them. Entries that come or go meanwhile may be missed or seen. */
  chunks(entriesPerChunk?: number): AsyncGenerator<MapChunk>;
  /** Writes `count` entries; yields to the event loop between pieces. */
  updateMany(keys: Buffer, values: Buffer, count: number): Promise<void>;
  /** Deletes `count` keys, absent ones ignored; returns how many were there. */
  deleteMany(keys: Buffer, count: number): Promise<number>;
  /** On a map of maps: points each key at its map, each in one step. Does not block the event loop. When it throws, some may point there already. */
  setInner(entries: readonly InnerEntry[]): Promise<void>;
  /** Throws FL_E_LOAD when something is pinned there, or there is no such folder. */
  pin(path: string): void;
  /** Releases this handle; a pinned map lives on. */
  close(): void;
}

/** What a key of a map of maps is to point at. */
export interface InnerEntry {
  readonly key: Buffer;
  readonly inner: BpfMap;
}

/** Reads a map of type 'ringbuf', from its oldest record. One reader at a time: a record that one has taken is gone for others. */
export interface Ring {
  /** The oldest records, at most `limit`; those that come while it reads may be among them. Copies. Does not wait. */
  take(limit: number): readonly Buffer[];
  /** Resolves when there are records, or at close(). One caller at a time. */
  readable(): Promise<void>;
  close(): void;
}

export interface MapSpec {
  readonly name: string;
  readonly type: MapType;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  /** A map whose key and value types (BTF) the new one gets, so that tools can print its entries. Ignored where maps have none. */
  readonly like?: BpfMap;
}

export interface TestRun {
  /** The program's verdict by name. */
  readonly verdict: 'aborted' | 'drop' | 'pass' | 'tx' | 'redirect';
  readonly packet: Buffer;
  /** Mean time of one run, nanoseconds. */
  readonly nanoseconds: number;
}

export interface LoadRequest {
  readonly objectFile: string;
  /** Name of the C function. Programs of other names in the object are not loaded. */
  readonly program: string;
  /** Folder on the BPF file system. Maps declared with LIBBPF_PIN_BY_NAME are taken from there when they exist and pinned there otherwise; undefined: nothing is pinned. */
  readonly pinDirectory: string | undefined;
  /** By name, maps that are made otherwise than the object declares them: for a program whose maps nobody else uses. Needs pinDirectory undefined. */
  readonly otherwise?: ReadonlyMap<string, MapForm>;
}

/** What of a declared map can be replaced: a hash takes an array's keys and values, and is as small as one likes. */
export interface MapForm {
  readonly type: 'hash' | 'lru_hash' | 'ringbuf';
  readonly maxEntries: number;
}

/** A loaded and verified program with its maps. */
export interface BpfProgram {
  readonly id: number;
  readonly name: string;
  /** Names its instructions, whatever maps they use: programs of one object have the same, and none that differs. */
  readonly tag: string;
  /** Instructions that the verifier processed (0: unknown). */
  readonly verifiedInstructions: number;
  /** Size of the program as loaded: instructions after the kernel's rewriting, and bytes of machine code (0: unknown). */
  readonly translatedInstructions: number;
  readonly machineCodeBytes: number;
  /** By their names. Of a pinned program without those that this process may not open (Linux: CAP_SYS_ADMIN opens all). */
  readonly maps: ReadonlyMap<string, BpfMap>;
  /** Ids of all maps that it uses. */
  readonly mapIds: readonly number[];
  /** Runs the program on a packet (Ethernet frame) without sending it. ingressIfindex is the device that it seems to come from. */
  testRun(packet: Buffer, options?: { repeat?: number; ingressIfindex?: number }): TestRun;
  pin(path: string): void;
  close(): void;
}

/** What is attached to a device, whoever did it. */
export interface AttachedProgram {
  readonly programId: number;
  /** Empty where this process may not know it. */
  readonly programName: string;
  readonly mode: 'native' | 'generic';
}

/** A program on a device, pinned at a path so that it outlives the process. */
export interface BpfLink {
  readonly id: number;
  /** 0 when the device is gone. */
  readonly ifindex: number;
  readonly programId: number;
  /** Replaces the program: in one step where capabilities.atomicReplace. On failure the old one stays. */
  replaceProgram(program: BpfProgram): Promise<void>;
  /** Pins it again where it was, after somebody has removed the pin. Throws FL_E_LOAD as BpfMap.pin. */
  pinAgain(): void;
  /** Detaches and removes the pin. */
  remove(): void;
  /** Releases this handle; the pinned link lives on. */
  close(): void;
}

export interface Bpf {
  /** Throws FL_E_VERIFY with the last telling line of the log; the whole log is in the error's `cause` as a string. */
  load(request: LoadRequest): Promise<BpfProgram>;
  /** The program pinned here (BpfProgram.pin), to attach or put back; undefined when there is none. */
  openPinnedProgram(path: string): BpfProgram | undefined;
  /** A map without a pin. */
  createMap(spec: MapSpec): BpfMap;
  openPinnedMap(path: string): BpfMap | undefined;
  /** Throws FL_E_PERMISSION where only the most privileged may (Linux: CAP_SYS_ADMIN). */
  openMapById(id: number): BpfMap | undefined;
  /** Throws FL_E_MAP for a map of another type. What nobody takes stays in the map, and what does not fit there the program loses. */
  openRing(map: BpfMap): Ring;
  attach(program: BpfProgram, ifindex: number, mode: 'native' | 'generic', pinPath: string): Promise<BpfLink>;
  openPinnedLink(path: string): BpfLink | undefined;
  attachedProgram(ifindex: number): AttachedProgram | undefined;
  /** Names in a pin folder, sorted; empty when it does not exist. */
  listPins(directory: string): readonly string[];
  /** Makes the folder and its parents on the BPF file system (mounts that when it is missing). */
  makePinDirectory(directory: string): void;
  /** Removes the pin, or the folder with all that is in it; nothing when absent. */
  removePins(path: string): void;
}

/** An address of a device that is not (yet, any more, or for long) one to begin traffic from. IPv6 alone has such. */
export type AddressState =
  /** Being checked for a duplicate (RFC 4862 §5.4): not this node's yet. An event tells the end of it. */
  | 'tentative'
  /** Another node has it. */
  | 'duplicate'
  /** Its preferred lifetime is over: it serves what uses it, nothing new. */
  | 'deprecated'
  /** Made for privacy (RFC 8981): goes by itself within days. */
  | 'temporary';

export interface InterfaceAddress {
  /** Canonical text. */
  readonly address: string;
  readonly prefixLength: number;
  /** Absent: nothing is against it. */
  readonly state?: AddressState;
}

export interface InterfaceInfo {
  readonly name: string;
  readonly index: number;
  /** 'aa:bb:cc:dd:ee:ff' */
  readonly mac: string;
  /** Bytes of IP packet. */
  readonly mtu: number;
  readonly up: boolean;
  /** Addresses of global scope (so no link-local ones), IPv4 first, in the order in which the device got them. */
  readonly addresses: readonly InterfaceAddress[];
}

export interface Route {
  readonly ifindex: number;
  /** Next hop; the destination itself when it is on the link. Of a router it may be a link-local address: it means something on `ifindex` alone. */
  readonly nextHop: string;
  /** Source address that the kernel would use; of the destination's family. */
  readonly source: string | undefined;
  /** The destination is an address of this node. */
  readonly local: boolean;
}

export type NeighbourState = 'reachable' | 'stale' | 'delay' | 'probe' | 'permanent' | 'incomplete' | 'failed' | 'none';
export interface Neighbour {
  readonly ifindex: number;
  readonly address: string;
  readonly mac: string | undefined;
  readonly state: NeighbourState;
}

export type NetworkEvent =
  | { readonly kind: 'neighbour'; readonly neighbour: Neighbour; readonly deleted: boolean }
  | { readonly kind: 'link'; readonly ifindex: number }
  | { readonly kind: 'address'; readonly ifindex: number }
  | { readonly kind: 'route' }
  /** Events were lost: look at everything again. */
  | { readonly kind: 'overrun' };

/** A TCP port of this node for packets that are made by hand, and what comes to it. */
export interface ProbePath {
  /** Out of localPortRange(), and held: no connection of this node gets it. */
  readonly port: number;
  /** Sends an IP packet inside an outer header of this node, by the kernel's route to `to`, which may be of the other family. Throws FL_E_SYSTEM. */
  sendWrapped(to: string, packet: Buffer): void;
  /** Sends an IP packet as it is in a frame to this MAC address. Throws FL_E_SYSTEM. */
  sendOnLink(ifindex: number, mac: string, packet: Buffer): void;
  close(): void;
}

export interface Network {
  interfaces(): readonly InterfaceInfo[];
  /** The route that this node takes to `destination`; undefined when there is none. */
  route(destination: string): Route | undefined;
  neighbours(): readonly Neighbour[];
  /** Asks for the neighbour's MAC (ARP, NDP); the answer comes as an event. Does not wait. */
  solicit(ifindex: number, address: string): void;
  watch(listener: (event: NetworkEvent) => void): { close(): void };
  /**
   * Hears each TCP packet of the family that comes to the path's port and reaches this node's stack: its first bytes, from the IP header on.
   * The stack has it too, and answers it with a reset. Throws FL_E_SYSTEM, FL_E_PERMISSION.
   */
  openProbePath(family: 4 | 6, heard: (packet: Buffer) => void): ProbePath;
  /** Ports that the node's own connections of either family take (net.ipv4.ip_local_port_range), inclusive. */
  localPortRange(): readonly [number, number];
  /** Whether the kernel forwards packets of this family that come in by the device; without it the program cannot ask the FIB. */
  forwardingEnabled(ifindex: number, family: 4 | 6): boolean;
}

export interface Clock {
  /** Ticks of the data plane's clock (fl_now()) in a second. */
  readonly ticksPerSecond: number;
  /** The data plane's time now, ticks modulo 2^32. */
  now(): number;
  /** The data plane's exact time now (fl_nanoseconds()). */
  nanoseconds(): bigint;
}

export type Lock = { readonly held: true; release(): void } | { readonly held: false; readonly pid: number | undefined };

export interface Platform {
  readonly name: 'linux' | 'windows' | 'fake';
  readonly capabilities: Capabilities;
  readonly bpf: Bpf;
  readonly network: Network;
  /** Measured once, when first asked for. */
  clock(): Promise<Clock>;
  /** Takes the lock file for this process's life; it holds the pid. Freed by the kernel when the process ends, however it ends. */
  lock(path: string): Lock;
  /** Names this boot of this machine: another text after each restart of the kernel, the same for every process until then. */
  bootIdentity(): string;
  /** Tells the service manager that listens at `path` ('READY=1', as sd_notify(3) says). False: nobody took it, or there is none here. */
  notify(path: string, text: string): boolean;
  /** Flavour of the BPF sources: the header bpf/platform/<flavour>.h. */
  readonly flavour: 'linux' | 'windows';
  /** Root of the pin folders, '/sys/fs/bpf/fairlead' on Linux. */
  readonly pinRoot: string;
}
