// The data plane's settings: from the agent's settings and this machine's facts to one Config, and from that to macros and map bytes.
// Imports agent/model, types of platform/port and its siblings. Nothing else computes a value that the program is compiled with.
// Invariant: the macros and the config map's entry always say the same, as both are made from the same Config.

import { createHash } from 'node:crypto';
import { addressBytes, type Family, familyOf, formatAddress } from '../model/address.js';
import { FairleadError } from '../model/errors.js';
import { maskByte } from '../model/parse-prefix.js';
import { REASONS } from '../model/reasons.js';
import { NO_BACKEND_ANSWERS, SYN_CHALLENGES, type Settings } from '../model/settings.js';
import type { Capabilities } from '../../platform/port.js';
import { CONFIG, type Config, MAX_LB_ADDRESSES } from './layout.js';

/** What the macros need besides the settings. */
export interface DataPlaneFacts {
  /** Of layoutDigest(), 8 hex digits. */
  readonly layoutDigest: string;
  readonly ticksPerSecond: number;
  /** Host order, inclusive. */
  readonly snatRange: readonly [number, number];
  /** Addresses of this node that replies come to, at most 4 of each family. */
  readonly lbAddresses: readonly string[];
  /** Names this boot of this machine: what the flow tables' hash is seeded with must be unknown outside, and outlive the agent. */
  readonly bootIdentity: string;
  /** Undefined: DEFAULT_HASH_SEED. */
  readonly hashSeed?: number;
}

/** The sizes of the maps: part of their layout. */
export type MapSizes = Pick<Settings, 'maxFlows' | 'maxServices' | 'maxBackends' | 'maglevSize'>;

/** The same on every node, so that nodes agree on the backend of a flow; any odd constant serves. */
export const DEFAULT_HASH_SEED = 0x9e3779b1;

const UNUSED: Readonly<Record<Family, string>> = { 4: '0.0.0.0', 6: '::' };

/** The settings that the program reads. */
export type ConfigSettings = Pick<
  Settings,
  'maglevSize' | 'newFlowRate' | 'timeouts' | 'earlyFragments' | 'vipUnknownPort' | 'answerRate' | 'mssClamp' | 'vipEcho' | 'noBackend'
> &
  Partial<Pick<Settings, 'ipipSource' | 'snatAddresses' | 'synChallenge'>>;

/** The Config of these settings on this machine. Throws FL_E_LIMIT for more than 4 LB addresses of a family. */
export function buildConfig(settings: ConfigSettings, facts: DataPlaneFacts): Config {
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
    slotSeed: createHash('sha256').update(facts.bootIdentity).digest().readBigUInt64LE(0),
    lb4Address: ownAddresses(facts.lbAddresses, 4),
    lb6Address: ownAddresses(facts.lbAddresses, 6),
    earlyFragmentsPass: settings.earlyFragments === 'pass' ? 1 : 0,
    answerRate: settings.answerRate,
    mssClamp: settings.mssClamp,
    vipEcho: settings.vipEcho ? 1 : 0,
    noBackend: NO_BACKEND_ANSWERS.indexOf(settings.noBackend),
    ipip4Source: settings.ipipSource?.address ?? UNUSED[4],
    ipip4Entropy: settings.ipipSource === undefined ? UNUSED[4] : formatAddress(hostMask(settings.ipipSource.length)),
    snat4Sources: countOf(settings.snatAddresses, 4),
    snat6Sources: countOf(settings.snatAddresses, 6),
    unknownPortDrops: settings.vipUnknownPort === 'drop' ? 1 : 0,
    synChallenge: SYN_CHALLENGES.indexOf(settings.synChallenge ?? 'off'),
  };
}

/** Those of a family. */
function countOf(addresses: readonly string[] | undefined, family: Family): number {
  return (addresses ?? []).filter((address) => familyOf(address) === family).length;
}

/** The bits of an IPv4 address behind a prefix of this length. */
function hostMask(length: number): Uint8Array {
  return Uint8Array.from({ length: 4 }, (_, i) => 0xff & ~maskByte(length, i));
}

function ownAddresses(all: readonly string[], family: Family): readonly string[] {
  const own = all.filter((address) => familyOf(address) === family);
  if (own.length > MAX_LB_ADDRESSES) {
    throw new FairleadError('FL_E_LIMIT', `${own.length} IPv${family} LB addresses: at most ${MAX_LB_ADDRESSES}`, {
      hint: 'name one with --lb-address, or fewer devices',
    });
  }
  return Array.from({ length: MAX_LB_ADDRESSES }, (_, i) => own[i] ?? UNUSED[family]);
}

/** A __be32, or several between commas: the numbers whose little-endian bytes are the address in network order. */
function addressMacro(address: string): string {
  const bytes = Buffer.from(addressBytes(address));
  return Array.from({ length: bytes.length / 4 }, (_, i) => hex(bytes.readUInt32LE(i * 4))).join(',');
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
    FL_SLOT_SEED: `0x${config.slotSeed.toString(16)}ULL`,
    ...Object.fromEntries(config.lb4Address.map((address, i) => [`FL_LB4_ADDRESS_${i}`, addressMacro(address)])),
    ...Object.fromEntries(config.lb6Address.map((address, i) => [`FL_LB6_ADDRESS_${i}`, addressMacro(address)])),
    FL_EARLY_FRAGMENTS_PASS: String(config.earlyFragmentsPass),
    FL_ANSWER_RATE: String(config.answerRate),
    FL_MSS_CLAMP: String(config.mssClamp),
    FL_VIP_ECHO: String(config.vipEcho),
    FL_NO_BACKEND: String(config.noBackend),
    FL_IPIP4_SOURCE: addressMacro(config.ipip4Source),
    FL_IPIP4_ENTROPY: addressMacro(config.ipip4Entropy),
    FL_SNAT4_SOURCES: String(config.snat4Sources),
    FL_SNAT6_SOURCES: String(config.snat6Sources),
    FL_MAX_FLOWS: String(sizes.maxFlows),
    FL_MAX_SERVICES: String(sizes.maxServices),
    FL_MAX_BACKENDS: String(sizes.maxBackends),
    FL_UNKNOWN_PORT_DROPS: String(config.unknownPortDrops),
    FL_SYN_CHALLENGE: String(config.synChallenge),
  };
}

/** Macros of what the kernel has: by them the program leaves out what it must do without. What a whole platform lacks stands in bpf/platform. */
export function platformMacros({ multiBuffer }: Pick<Capabilities, 'multiBuffer'>): Readonly<Record<string, string>> {
  return multiBuffer ? { FL_HAS_FRAGS: '1' } : {};
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
