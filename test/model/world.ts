// Random worlds: settings, services, backends and devices from a few numbers that fast-check chooses.
// Imports fast-check, test/bpf's hosts and the model's state. Everything is small, so that flows meet: few ports, few slots, few clients.
// Invariant: the same choices make the same world.

import fc from 'fast-check';
import { addressBytes } from '../../agent/model/address.js';
import { type Family, FIB_CLIENT_MAC, HOSTS } from '../bpf/hosts.js';
import { DEVICE, LOOPBACK, OTHER_DEVICE } from '../bpf/world.js';
import { virtualAddresses, WIDE_SERVICES } from './frontends.js';
import { vipBit } from './hash.js';
import { type Action, type Backend, EMPTY, type NextHop, type Service, type Settings, type State, TCP, UDP } from './state.js';

export const hex = (address: string): string => Buffer.from(addressBytes(address)).toString('hex');
export const macHex = (mac: string): string => mac.replaceAll(':', '');

export const FAMILIES = [4, 6] as const;
export const ACTIONS: readonly Action[] = ['snat', 'dsr-ipip', 'dsr-l2'];
const PORT_RANGES = [
  [20500, 20500],
  [20000, 20003],
  [20000, 20031],
  [20000, 20999],
  [1024, 65535],
] as const;

/** Services of a family. */
export const SERVICES = 4;
/** The one of UDP. */
export const UDP_SERVICE = 1;
/** Of the last service: the first one's address and protocol at another port. */
export const SECOND_PORT = 8080;

/** What a world is made from. */
export interface Choices {
  readonly range: number;
  readonly rate: number;
  /** Undefined: none. */
  readonly answerRate?: number;
  readonly maglevSize: number;
  readonly lbAddresses: number;
  readonly seeds: readonly [bigint, number];
  readonly timeouts: readonly [number, number, number, number];
  readonly actions: readonly number[];
  readonly tables: readonly (readonly number[])[];
  readonly devices: number;
  readonly fib: boolean;
}

/** Backend ids of a service: most have backends that can be reached. */
export const table: fc.Arbitrary<readonly number[]> = fc.oneof(
  { weight: 12, arbitrary: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 4 }) },
  { weight: 1, arbitrary: fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 4 }) },
);

export const choices: fc.Arbitrary<Choices> = fc.record({
  range: fc.nat(PORT_RANGES.length - 1),
  rate: fc.constantFrom(0, 0, 0, 0, 0, 2, 5),
  answerRate: fc.constantFrom(0, 1000, 1000),
  maglevSize: fc.constantFrom(3, 7, 13), // at most 251, test/bpf's; a small one is written soon
  lbAddresses: fc.constantFrom(0, 1, 1, 1, 2, 2, 4),
  seeds: fc.tuple(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.nat(0xffffffff)),
  timeouts: fc.tuple(
    fc.integer({ min: 1, max: 90 }),
    fc.integer({ min: 1, max: 21600 }),
    fc.integer({ min: 1, max: 30 }),
    fc.integer({ min: 1, max: 90 }),
  ),
  actions: fc.array(fc.nat(2), { minLength: 2 * SERVICES, maxLength: 2 * SERVICES }),
  tables: fc.array(table, { minLength: 2 * SERVICES, maxLength: 2 * SERVICES }),
  devices: fc.nat(7),
  fib: fc.boolean(),
});

/** All that the load balancer may have: the first ones are its LB addresses, any may be one that SNAT sends from. */
export function ownAddresses(family: Family): readonly string[] {
  const { address, second, third, fourth } = HOSTS[family].LB;
  return [address, second, third, fourth];
}

/** Choices under which a program with compiled settings (test/bpf's) can be tested. */
export function compiledSettings(
  ticksPerSecond: number,
  maglevSize: number,
  slotSeed: bigint,
  hashSeed: number,
  more: Partial<Settings> = {},
): Settings {
  return {
    compiled: true,
    ticksPerSecond,
    maglevSize,
    newFlowRate: 0,
    timeoutSyn: 60 * ticksPerSecond,
    timeoutEstablished: 21600 * ticksPerSecond,
    timeoutClosing: 10 * ticksPerSecond,
    timeoutUdp: 60 * ticksPerSecond,
    snatPorts: [20000, 20999],
    hashSeed: BigInt(hashSeed),
    slotSeed,
    lbAddresses: { 4: [hex(HOSTS[4].LB.address)], 6: [hex(HOSTS[6].LB.address)] },
    ...more,
  };
}

function buildSettings(given: Choices, ticksPerSecond: number): Settings {
  const [syn, established, closing, udp] = given.timeouts;
  const all = (family: Family) => ownAddresses(family).map(hex);
  const own = (family: Family) => all(family).slice(0, given.lbAddresses);
  return {
    ticksPerSecond,
    maglevSize: given.maglevSize,
    newFlowRate: given.rate,
    answerRate: given.answerRate ?? 0,
    timeoutSyn: syn * ticksPerSecond,
    timeoutEstablished: established * ticksPerSecond,
    timeoutClosing: closing * ticksPerSecond,
    timeoutUdp: udp * ticksPerSecond,
    snatPorts: PORT_RANGES[given.range] as readonly [number, number],
    hashSeed: BigInt(given.seeds[1]),
    slotSeed: given.seeds[0],
    lbAddresses: { 4: own(4), 6: own(6) },
    snatAddresses: { 4: all(4), 6: all(6) },
  };
}

/** The services of a family by number: three on one address, one on another. */
export function buildService(family: Family, i: number, action: number, table: readonly number[]): Service {
  const { VIP, ELSEWHERE } = HOSTS[family];
  const [address, port, protocol] = (
    [
      [VIP.address, VIP.tcpPort, TCP],
      [VIP.address, VIP.udpPort, UDP],
      [ELSEWHERE.vip, VIP.tcpPort, TCP],
      [VIP.address, SECOND_PORT, TCP],
    ] as const
  )[i] as readonly [string, number, number];
  const id = (family === 4 ? 1 : 1 + SERVICES) + i;
  return {
    id,
    address: hex(address),
    port,
    protocol,
    action: ACTIONS[action] as Action,
    backendCount: table.length,
    table: table.length === 0 ? [0] : table,
  };
}

export const FREE_BACKEND: Backend = {
  address: '00000000',
  port: 0,
  source: '00000000',
  dstMac: '000000000000',
  srcMac: '000000000000',
  ifindex: 0,
  mtu: 0,
  state: 'free',
  generation: 0,
  resolved: false,
  nextHopAt: 0,
};

/** Backends of IPv6 that IPv4 services may have, and one of IPv4 that they may name by mistake. */
export const OVER_IDS = [6, 7, 8] as const;
export const NOT_OVER_ID = 9;

/**
 * Backends 1 to 4, and 5, which nobody has. 4 is one that the FIB does not know and nobody has resolved. Behind them those whose ids the other family has
 * not, as all ids are one family's in a real data plane.
 */
function buildBackends(family: Family, own: readonly string[]): readonly Backend[] {
  const { BACKEND, ELSEWHERE, LB, UNSPECIFIED } = HOSTS[family];
  const of = (address: string, port: number, mac: string, change: Partial<Backend> = {}): Backend => ({
    address: hex(address),
    port,
    source: own[0] ?? hex(LB.address),
    dstMac: macHex(mac),
    srcMac: macHex(LB.mac),
    ifindex: LOOPBACK,
    mtu: 1500,
    state: 'active',
    // Never the same in both: an id is one family's at a time, and whoever gets it next has another generation.
    generation: family === 4 ? 5 : 0x4005,
    resolved: true,
    nextHopAt: 0,
    ...change,
  });
  const free = { ...FREE_BACKEND, address: hex(UNSPECIFIED), source: hex(UNSPECIFIED) };
  return [
    free,
    of(BACKEND.a.address, BACKEND.a.port, BACKEND.a.mac),
    of(BACKEND.b.address, BACKEND.b.port, BACKEND.b.mac, {
      ifindex: OTHER_DEVICE,
      mtu: 600,
      ...(own[1] === undefined ? {} : { source: own[1] }),
    }),
    of(BACKEND.a.address, BACKEND.dns.port, BACKEND.dns.mac, { state: 'terminating' }),
    of(ELSEWHERE.noNeighbour, BACKEND.b.port, BACKEND.b.mac, { resolved: false }),
    free,
    ...(family === 6
      ? [
          of(BACKEND.a.address, BACKEND.a.port, BACKEND.a.mac),
          of(BACKEND.b.address, BACKEND.b.port, BACKEND.b.mac, { ifindex: OTHER_DEVICE, mtu: 600 }),
          of(ELSEWHERE.noNeighbour, BACKEND.b.port, BACKEND.b.mac, { resolved: false }),
          free,
        ]
      : [free, free, free, of(BACKEND.a.address, BACKEND.a.port, BACKEND.a.mac)]),
  ];
}

/** What the namespace of test/bpf answers when it forwards. */
export const FIB: ReadonlyMap<string, NextHop> = new Map(
  FAMILIES.flatMap((family) => {
    const { FIB_NEIGHBOUR, CLIENT } = HOSTS[family];
    const hop = { srcMac: macHex(DEVICE.mac), ifindex: DEVICE.index, mtu: 1500 };
    return [
      [hex(FIB_NEIGHBOUR.address), { ...hop, dstMac: macHex(FIB_NEIGHBOUR.mac) }],
      [hex(CLIENT.address), { ...hop, dstMac: macHex(FIB_CLIENT_MAC) }],
    ] as const;
  }),
);
export const NO_FIB: ReadonlyMap<string, NextHop> = new Map();

const NO_DEVICE = { ifindex: 0, mac: '000000000000' };
const DEVICES = [LOOPBACK, DEVICE.index, OTHER_DEVICE].map((ifindex, i) => ({ ifindex, mac: `02000000d00${i}` }));
/** Those whose bits are set. */
function buildDevices(bits: number): State['devices'] {
  return [NO_DEVICE, ...DEVICES.map((device, i) => (bits & (1 << i) ? device : NO_DEVICE))];
}

export const CLIENTS = 12;
/** The first one is known to the FIB. */
export const clientAddress = (family: Family, client: number): string =>
  client === 0 ? HOSTS[family].CLIENT.address : HOSTS[family].nthClient(client);
/** Ids of the services with other frontends, those of both families behind the plain ones. */
export const wideId = (family: Family, place: number): number => 2 * SERVICES + (family === 4 ? 1 : 1 + WIDE_SERVICES) + place;

/** The bits of all addresses that services may have. */
export const VIPS: ReadonlySet<number> = new Set(FAMILIES.flatMap((family) => virtualAddresses(family).map(vipBit)));

/** A world in which nothing has happened yet. `settings`: instead of the chosen ones. */
export function buildWorld(given: Choices, base: { ticksPerSecond: number; slots: number; now: number }, settings?: Settings): State {
  const chosen = settings ?? buildSettings(given, base.ticksPerSecond);
  const empty = Array.from({ length: base.slots }, () => EMPTY);
  const plane = (family: Family) => ({
    services: Array.from({ length: SERVICES }, (_, i) => {
      const at = i + (family === 4 ? 0 : SERVICES);
      return buildService(family, i, given.actions[at] ?? 0, given.tables[at] ?? []);
    }),
    backends: buildBackends(family, chosen.lbAddresses[family]),
    flows: empty,
    replies: empty,
  });
  return {
    settings: chosen,
    vips: VIPS,
    devices: buildDevices(given.devices),
    fib: given.fib ? FIB : NO_FIB,
    window: { began: base.now, count: 0 },
    planes: { 4: plane(4), 6: plane(6) },
  };
}
