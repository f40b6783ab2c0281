// The data plane's settings: from the agent's settings and this machine's facts to one Config, and from that to macros and map bytes.
// Imports agent/model and its siblings. Nothing else computes a value that the program is compiled with.
// Invariant: the macros and the config map's entry always say the same, as both are made from the same Config.

import { createHash } from 'node:crypto';
import { addressBytes } from '../model/address.js';
import { FairleadError } from '../model/errors.js';
import { REASONS } from '../model/reasons.js';
import type { Settings } from '../model/settings.js';
import { CONFIG, type Config, MAX_LB_ADDRESSES } from './layout.js';

/** What the macros need besides the settings. */
export interface DataPlaneFacts {
  /** Of layoutDigest(), 8 hex digits. */
  readonly layoutDigest: string;
  readonly ticksPerSecond: number;
  /** Host order, inclusive. */
  readonly snatRange: readonly [number, number];
  /** IPv4 addresses of this node that replies come to, at most 4. */
  readonly lbAddresses: readonly string[];
  /** Undefined: DEFAULT_HASH_SEED. */
  readonly hashSeed?: number;
}

/** The sizes of the maps: part of their layout. */
export type MapSizes = Pick<Settings, 'maxFlows' | 'maxServices' | 'maxBackends' | 'maglevSize'>;

/** The same on every node, so that nodes agree on the backend of a flow; any odd constant serves. */
export const DEFAULT_HASH_SEED = 0x9e3779b1;

const UNUSED = '0.0.0.0';

/** The Config of these settings on this machine. Throws FL_E_LIMIT for more than 4 LB addresses. */
export function buildConfig(settings: Pick<Settings, 'maglevSize' | 'newFlowRate' | 'timeouts'>, facts: DataPlaneFacts): Config {
  if (facts.lbAddresses.length > MAX_LB_ADDRESSES) {
    throw new FairleadError('FL_E_LIMIT', `${facts.lbAddresses.length} LB addresses: at most ${MAX_LB_ADDRESSES}`, {
      hint: 'name one with --lb-address, or fewer devices',
    });
  }
  const ticks = (seconds: number): number => Math.min(seconds * facts.ticksPerSecond, 0x7fffffff);
  return {
    layout: Number.parseInt(facts.layoutDigest, 16),
    ticksPerSecond: facts.ticksPerSecond,
    maglevSize: settings.maglevSize,
    newFlowRate: settings.newFlowRate,
    timeoutSyn: ticks(settings.timeouts.syn),
    timeoutEstablished: ticks(settings.timeouts.established),
    timeoutClosing: ticks(settings.timeouts.closing),
    timeoutUdp: ticks(settings.timeouts.udp),
    snatPortMin: facts.snatRange[0],
    snatPortMax: facts.snatRange[1],
    hashSeed: facts.hashSeed ?? DEFAULT_HASH_SEED,
    lb4Address: Array.from({ length: MAX_LB_ADDRESSES }, (_, i) => facts.lbAddresses[i] ?? UNUSED),
  };
}

/** clang's macros of a Config and the map sizes: name to value, as for -D<name>=<value>. */
export function buildMacros(config: Config, sizes: MapSizes): Readonly<Record<string, string>> {
  return {
    FL_LAYOUT: hex(config.layout),
    FL_TICKS_PER_SECOND: String(config.ticksPerSecond),
    FL_MAGLEV_SIZE: String(config.maglevSize),
    FL_NEW_FLOW_RATE: String(config.newFlowRate),
    FL_TIMEOUT_SYN: String(config.timeoutSyn),
    FL_TIMEOUT_ESTABLISHED: String(config.timeoutEstablished),
    FL_TIMEOUT_CLOSING: String(config.timeoutClosing),
    FL_TIMEOUT_UDP: String(config.timeoutUdp),
    FL_SNAT_PORT_MIN: String(config.snatPortMin),
    FL_SNAT_PORT_MAX: String(config.snatPortMax),
    FL_HASH_SEED: hex(config.hashSeed),
    // The number whose little-endian bytes are the address in network order: what a __be32 holds.
    ...Object.fromEntries(
      config.lb4Address.map((address, i) => [`FL_LB4_ADDRESS_${i}`, hex(Buffer.from(addressBytes(address)).readUInt32LE(0))]),
    ),
    FL_MAX_FLOWS: String(sizes.maxFlows),
    FL_MAX_SERVICES: String(sizes.maxServices),
    FL_MAX_BACKENDS: String(sizes.maxBackends),
  };
}

/** The config map's value. */
export function encodeConfig(config: Config): Buffer {
  return CONFIG.encode(config);
}

/**
 * Names a map layout: the first 8 hex digits of the SHA-256 of bpf/layout.h and all sizes. Maps of another layout cannot be adopted.
 * The number of reasons is the size of the metrics map, so it belongs to the layout too.
 */
export function layoutDigest(layoutHeader: string, sizes: MapSizes): string {
  const numbers = [sizes.maxFlows, sizes.maxServices, sizes.maxBackends, sizes.maglevSize, REASONS.length];
  return createHash('sha256')
    .update(layoutHeader)
    .update(`\0${numbers.join(' ')}`)
    .digest('hex')
    .slice(0, 8);
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}
