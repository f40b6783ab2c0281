// Which address and port a new SNAT flow would get, and whose flow a reply belongs to.
// Imports agent/model and its siblings. The rules of bpf/balance/snat.h and bpf/snat-port.h.

import { formatAddress } from '../model/address.js';
import type { BackendEntry } from './backend-table.js';
import { elapsedTicks } from './flow-life.js';
import { slotInUse } from './flow-record.js';
import { type Config, encodeIndex, MAX_LB_ADDRESSES, type Reverse, SLOT_BUSY, SNAT_SOURCE, type Tuple } from './layout.js';
import type { Trace } from './trace.js';
import { encodeTuple, type Fate, fateOf, isReverseOf, type TakenSlot } from './trace-flow.js';
import { hashTuple, scaleHash } from './tuple-hash.js';

const PROBES = 32;
/** SNAT_PATIENT_PROBES, of a flow for which another gives way. */
const PATIENT_PROBES = 4;
const GOLDEN_RATIO = 0x9e3779b9;

export interface SnatChoice {
  readonly address: string;
  readonly port: number;
  /** How many ports were tried. */
  readonly probes: number;
  /** A half-open flow's reverse entry is taken for it. */
  readonly yields: boolean;
}

/** The address of this index in snat_sources; of 0 the LB address towards the backend. */
export function snatSource({ maps, layout, config }: Trace, backend: BackendEntry, index: number): string | undefined {
  if (index === 0 || sourceCount(config, layout.family) === 0) return backend.source;
  const value = maps.read('snat_sources', encodeIndex(index));
  if (value === undefined) return backend.source;
  return formatAddress(SNAT_SOURCE.decode(value).address.subarray(0, layout.family === 4 ? 4 : 16));
}

/** Address and port of a new flow in `taken`; undefined: there is none that is free. */
export function chooseSnatPort(trace: Trace, backend: BackendEntry, taken: TakenSlot): SnatChoice | undefined {
  const { config, layout, tuple, now } = trace;
  const hash = hashTuple(encodeTuple(trace), BigInt(config.hashSeed));
  const high = Number(hash >> 32n);
  const freed = freedBy(trace, taken);
  let victim: { readonly choice: SnatChoice; readonly rest: number } | undefined;
  for (let i = 0; i < PROBES; i++) {
    const count = sourceCount(config, layout.family);
    const index = count === 0 ? 0 : (layout.family === 4 ? 1 : 1 + MAX_LB_ADDRESSES) + (((high & 0xff) + i) % count);
    const address = snatSource(trace, backend, index);
    if (address === undefined) return undefined;
    const random = BigInt((high + Math.imul(i, GOLDEN_RATIO)) >>> 0);
    const port = config.snatPortMin + scaleHash(random, config.snatPortMax - config.snatPortMin + 1);
    const reply: Tuple = {
      saddr: backend.address,
      daddr: address,
      sport: backend.port || tuple.dport,
      dport: port,
      protocol: tuple.protocol,
    };
    const place = reversePlace(trace, reply);
    const fate = place === freed ? 'ended' : reverseFate(trace, place, taken.index);
    const choice = { address, port, probes: i + 1, yields: false };
    if (fate === 'ended') return choice;
    const entry = readReverse(trace, place);
    if (fate === 'half' && entry !== undefined && !sameTuple(entry.tuple, reply)) {
      const rest = elapsedTicks(now, entry.lastSeen, config.ticksPerSecond);
      if (victim === undefined || rest > victim.rest) victim = { choice: { ...choice, yields: true }, rest };
    }
    if (victim !== undefined && i >= (taken.pressed ? PATIENT_PROBES : PROBES)) break;
  }
  return victim?.choice;
}

function readReverse({ maps, layout }: Trace, place: number): Reverse | undefined {
  const value = maps.read(layout.maps.snat, encodeIndex(place));
  return value === undefined ? undefined : layout.reverse.decode(value);
}

function sourceCount(config: Config, family: 4 | 6): number {
  return family === 4 ? config.snat4Sources : config.snat6Sources;
}

/** The only slot that a reverse entry with this tuple may have. */
export function reversePlace({ layout, maps, config }: Trace, tuple: Tuple): number {
  return scaleHash(hashTuple(layout.tuple.encode(tuple), config.slotSeed), maps.sizeOf(layout.maps.snat));
}

/** The place of the reverse entry that goes with the flow whose slot is taken. */
function freedBy(trace: Trace, taken: TakenSlot): number | undefined {
  const { maps, layout } = trace;
  const value = maps.read(layout.maps.conntrack, encodeIndex(taken.index));
  if (value === undefined || !slotInUse(layout, value, 0)) return undefined;
  const { tuple, flow } = layout.slot.decode(value);
  const reverse = maps.read(layout.maps.snat, encodeIndex(flow.reverse));
  if (flow.action !== 'snat' || reverse === undefined || !reverseInUse(trace, reverse)) return undefined;
  return isReverseOf(layout.reverse.decode(reverse), tuple) ? flow.reverse : undefined;
}

function reverseInUse({ layout }: Trace, value: Buffer): boolean {
  return slotInUse(layout, value, layout.reverse.fields.tuple.offset);
}

/** What the slot of a reverse entry is worth (reverse_fate), while the flow's slot `busy` is being written. */
export function reverseFate(trace: Trace, place: number, busy?: number): Fate {
  const { maps, layout, config, now } = trace;
  const value = maps.read(layout.maps.snat, encodeIndex(place));
  if (value === undefined) return 'live';
  if (!reverseInUse(trace, value)) return value.readUInt8(layout.tuple.fields.protocol.offset) === SLOT_BUSY ? 'live' : 'ended';
  const reverse = layout.reverse.decode(value);
  // Read before anything is concluded: the program's copy is to have it too.
  const flowFate = fateOf(trace, reverse.flow);
  const unanswered = reverse.tuple.protocol === 'tcp' && reverse.packets === 0;
  if (unanswered && elapsedTicks(now, reverse.lastSeen, config.ticksPerSecond) < config.timeoutSyn) return 'half';
  const slot = maps.read(layout.maps.conntrack, encodeIndex(reverse.flow));
  if (slot === undefined || reverse.flow === busy) return 'live';
  if (!slotInUse(layout, slot, 0)) return slot.readUInt8(layout.tuple.fields.protocol.offset) === SLOT_BUSY ? 'live' : 'ended';
  const { tuple, flow } = layout.slot.decode(slot);
  if (flow.action !== 'snat' || flow.reverse !== place || !isReverseOf(reverse, tuple)) return 'ended';
  return unanswered && flowFate !== 'ended' ? 'half' : flowFate;
}

export function sameTuple(one: Tuple, other: Tuple): boolean {
  return (
    one.saddr === other.saddr &&
    one.daddr === other.daddr &&
    one.sport === other.sport &&
    one.dport === other.dport &&
    one.protocol === other.protocol
  );
}

/** The reverse entry that a packet to an LB address belongs to, when it is a backend's reply. */
export function findReply(trace: Trace): Reverse | undefined {
  const { maps, layout, tuple } = trace;
  const value = maps.read(layout.maps.snat, encodeIndex(reversePlace(trace, tuple)));
  if (value === undefined || !reverseInUse(trace, value)) return undefined;
  const reverse = layout.reverse.decode(value);
  return sameTuple(reverse.tuple, tuple) ? reverse : undefined;
}
