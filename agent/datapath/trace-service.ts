// Which service a first packet belongs to, whether its client may begin a flow, and which backend the flow gets.
// Imports agent/model and its siblings. The rules of bpf/balance/frontend.h, source.h and bpf/maglev.h.

import { buildFrontend } from '../model/frontend.js';
import { addressBytes } from '../model/address.js';
import type { Frontend } from '../model/service.js';
import type { Permit } from '../model/source-ranges.js';
import type { BackendEntry } from './backend-table.js';
import { elapsedTicks } from './flow-life.js';
import {
  AFFINITY,
  encodeIndex,
  PROTOCOL_NUMBERS,
  QUIC_BACKEND,
  QUIC_ID_BYTES,
  QUIC_SERVER,
  RANGE,
  RANGE_ID_BITS,
  RANGES_OF_ALL,
  SPAN_FRONT_BITS,
  VIP_WORD,
} from './layout.js';
import { decodeService, type ServiceEntry } from './service-table.js';
import { backendLayout, readBackend, type Trace } from './trace.js';
import { encodeTuple } from './trace-flow.js';
import { hashTuple, vipBit } from './tuple-hash.js';

/** Does the destination's bit in vips say that there may be a service? */
export function mayHaveService({ maps, tuple }: Trace): boolean {
  const bit = vipBit(addressBytes(tuple.daddr));
  const value = maps.read('vips', encodeIndex(bit >> 6));
  return value !== undefined && (VIP_WORD.decode(value).bits & (1n << BigInt(bit & 63))) !== 0n;
}

export interface FoundService {
  readonly frontend: Frontend;
  readonly entry: ServiceEntry;
}

/** The service of the packet's destination: of exactly that, or of what covers it. */
export function findService(trace: Trace): FoundService | undefined {
  const { daddr: address, dport: port, protocol } = trace.tuple;
  const exact = readService(trace, buildFrontend({ address, port, protocol }));
  if (exact !== undefined) return exact;
  const first = readSpan(trace, address, 0);
  if (first === undefined || first.lastPort !== undefined) return first && readService(trace, first);
  // A prefix: its services stand under its own address.
  const { prefixLength } = first;
  const ofPrefix = readService(trace, buildFrontend({ address: first.address, port, protocol, prefixLength }));
  if (ofPrefix !== undefined) return ofPrefix;
  const hostBits = addressBits(trace) - (prefixLength ?? addressBits(trace));
  const range = readSpan(trace, first.address, hostBits);
  return range && readService(trace, range);
}

/** Does any service stand on the destination's address, whatever its port? */
export function addressIsServed(trace: Trace): boolean {
  const { maps, layout, tuple } = trace;
  const length = SPAN_FRONT_BITS + addressBits(trace);
  const key = layout.span.encode({ length, protocol: 0, hostBits: 0, zero: 0, address: tuple.daddr, port: 0 });
  return maps.read(layout.maps.spans, key) !== undefined;
}

function addressBits({ layout }: Trace): number {
  return layout.span.fields.address.type.size * 8;
}

function readService({ maps, layout }: Trace, frontend: Frontend): FoundService | undefined {
  const value = maps.read(layout.maps.services, layout.frontend.encode(frontend));
  return value === undefined ? undefined : { frontend, entry: decodeService(frontend, value, 0) };
}

/** What the trie has for the destination's port at this address, or prefix. */
function readSpan(trace: Trace, address: string, hostBits: number): Frontend | undefined {
  const { maps, layout, tuple } = trace;
  const length = SPAN_FRONT_BITS + addressBits(trace) + 16;
  const protocol = PROTOCOL_NUMBERS[tuple.protocol];
  const value = maps.read(layout.maps.spans, layout.span.encode({ length, protocol, hostBits, zero: 0, address, port: tuple.dport }));
  return value === undefined ? undefined : layout.frontend.decode(value);
}

/** What the longest prefix that holds the client says, of all services' list or of one service's ranges; undefined: none holds it. */
export function permitOf({ maps, layout, tuple }: Trace, serviceId: number | 'all'): Permit | undefined {
  const prefixLength = RANGE_ID_BITS + layout.sourceRange.fields.address.type.size * 8;
  const key = layout.sourceRange.encode({ prefixLength, serviceId: serviceId === 'all' ? RANGES_OF_ALL : serviceId, address: tuple.saddr });
  const value = maps.read(layout.maps.ranges, key);
  return value === undefined ? undefined : RANGE.decode(value).permit;
}

export interface AffinityEntry {
  readonly backendId: number;
  /** Undefined: it does not take new flows, or is gone. */
  readonly backend: BackendEntry | undefined;
  /** Seconds since the client's last flow began. */
  readonly age: number;
}

/** Where the client's last flow to the service went; undefined: it is not remembered. */
export function readAffinity(trace: Trace, entry: ServiceEntry): AffinityEntry | undefined {
  const { maps, layout, tuple, config, now } = trace;
  const value = maps.read(layout.maps.affinity, layout.affinityClient.encode({ address: tuple.saddr, serviceId: entry.id }));
  if (value === undefined) return undefined;
  const { backendId, backendGeneration, lastUsed } = AFFINITY.decode(value);
  const backend = readBackend(trace, backendLayout(trace, entry.action), backendId);
  const takes = backend?.generation === backendGeneration && backend.state === 'active' && backend.weight > 0;
  return {
    backendId,
    backend: takes ? backend : undefined,
    age: elapsedTicks(now, lastUsed, config.ticksPerSecond) / config.ticksPerSecond,
  };
}

/** Which slot of a Maglev table the packet's tuple has. */
export function maglevSlot(trace: Trace): number {
  const hash = hashTuple(encodeTuple(trace), BigInt(trace.config.hashSeed));
  return Number(BigInt.asUintN(32, hash) % BigInt(trace.config.maglevSize));
}

/** The backend id that the packet's QUIC connection id names; undefined: none. */
export function readQuicServer({ maps, quicId }: Trace, { id: serviceId, quic }: ServiceEntry): number | undefined {
  if (quic === undefined || quicId === undefined) return undefined;
  // The program reads as many bytes as the service's ids have, whatever the client's server meant.
  const id = Buffer.alloc(QUIC_ID_BYTES);
  Buffer.from(quicId, 'hex').copy(id, 0, 0, quic.bytes);
  const value = maps.read('quic_servers', QUIC_SERVER.encode({ serviceId, bytes: quic.bytes, id }));
  return value === undefined ? undefined : QUIC_BACKEND.decode(value).backendId;
}
