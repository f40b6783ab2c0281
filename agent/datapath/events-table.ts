// The data plane's events, over event_filter, event_count and the ring buffer events.
// Imports agent/model, platform/port and its siblings.
// Invariant: a stream gives events of its own watch alone, and switches events off when it is closed.

import type { Bpf, BpfMap, Clock, Ring } from '../../platform/port.js';
import { addressBytes, familyOf, formatAddress } from '../model/address.js';
import { EVENT_KINDS, type EventFilter, type EventKind, type EventLosses, VERDICTS, type Verdict } from '../model/events.js';
import { maskByte } from '../model/parse-prefix.js';
import { REASONS } from '../model/reasons.js';
import { ANY_REASON, encodeIndex, EVENT, EVENT_COUNT, EVENT_FILTER, NO_BACKEND } from './layout.js';
import type { Decoded } from './struct.js';

export interface EventMaps {
  readonly events: BpfMap;
  readonly filter: BpfMap;
  readonly count: BpfMap;
}

/** An event with the data plane's numbers for device, service and backend. */
export interface EventRecord {
  /** Of the data plane's clock. */
  readonly nanoseconds: number;
  readonly kind: EventKind;
  readonly reason: string;
  readonly verdict: Verdict;
  readonly ifindex: number;
  readonly serviceId: number | undefined;
  readonly backendId: number | undefined;
  readonly source: string | undefined;
  readonly destination: string | undefined;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** IP protocol number. */
  readonly protocol: number;
  readonly bytes: number;
  readonly packet: Buffer;
}

export interface EventStream {
  /** At most `limit`, oldest first; does not wait. */
  take(limit: number): readonly EventRecord[];
  /** Resolves when there are events, or at close(). */
  readable(): Promise<void>;
  /** Since the stream was opened, until it was closed. */
  losses(): EventLosses;
  close(): void;
}

/** Records that are thrown away in one go before a watch begins. */
const STALE = 1024;

export class EventsTable {
  readonly #maps: EventMaps;
  readonly #bpf: Pick<Bpf, 'openRing'>;
  readonly clock: Clock;

  constructor(maps: EventMaps, bpf: Pick<Bpf, 'openRing'>, clock: Clock) {
    this.#maps = maps;
    this.#bpf = bpf;
    this.clock = clock;
  }

  /** Switches events on. One stream at a time: the filter is one. */
  open(filter: EventFilter): EventStream {
    const ring = this.#bpf.openRing(this.#maps.events);
    try {
      const watch = (this.#filter().watch % 0xffff_ffff) + 1;
      while (ring.take(STALE).length === STALE);
      const before = this.#losses();
      this.#maps.filter.update(encodeIndex(0), encodeFilter(filter, watch));
      return this.#stream(ring, watch, before);
    } catch (error) {
      ring.close();
      throw error;
    }
  }

  /** Switches events off, also those that an agent left on that was killed. */
  off(): void {
    const filter = this.#filter();
    if (filter.kinds !== 0) this.#maps.filter.update(encodeIndex(0), EVENT_FILTER.encode({ ...filter, kinds: 0 }));
  }

  #stream(ring: Ring, watch: number, before: EventLosses): EventStream {
    let open = true;
    let final: EventLosses = before;
    const losses = (): EventLosses => {
      if (open) final = this.#losses();
      return { limited: final.limited - before.limited, lost: final.lost - before.lost };
    };
    return {
      take: (limit) => ring.take(limit).flatMap((record) => decodeEvent(record, watch) ?? []),
      readable: () => ring.readable(),
      losses,
      close: () => {
        if (!open) return;
        losses();
        open = false;
        ring.close();
        this.off();
      },
    };
  }

  #filter(): Decoded<typeof EVENT_FILTER> {
    return EVENT_FILTER.decode(this.#maps.filter.lookup(encodeIndex(0)) ?? Buffer.alloc(EVENT_FILTER.size));
  }

  #losses(): EventLosses {
    const value = this.#maps.count.lookup(encodeIndex(0)) ?? Buffer.alloc(0);
    let [limited, lost] = [0, 0];
    for (let at = 0; at + EVENT_COUNT.size <= value.length; at += EVENT_COUNT.size) {
      const count = EVENT_COUNT.decode(value, at);
      limited += count.limited;
      lost += count.lost;
    }
    return { limited, lost };
  }
}

function encodeFilter(filter: EventFilter, watch: number): Buffer {
  const { prefix, reason } = filter;
  return EVENT_FILTER.encode({
    kinds: filter.kinds.reduce((bits, kind) => bits | (1 << EVENT_KINDS.indexOf(kind)), 0),
    watch,
    sample: filter.sample,
    rate: filter.rate,
    serviceId: filter.service ?? 0,
    snap: filter.snap,
    reason: reason === undefined ? ANY_REASON : REASONS.findIndex(({ name }) => name === reason),
    family: prefix === undefined ? 0 : familyOf(prefix.address),
    address: prefix === undefined ? Buffer.alloc(16) : addressBytes(prefix.address),
    mask: Uint8Array.from({ length: 16 }, (_, i) => maskByte(prefix?.length ?? 0, i)),
  });
}

/** Undefined: of another watch, or with numbers that this agent does not know. */
function decodeEvent(record: Buffer, watch: number): EventRecord | undefined {
  if (record.length < EVENT.fields.packet.offset) return undefined;
  const event = EVENT.decode(record);
  const [kind, verdict, reason] = [EVENT_KINDS[event.kind - 1], VERDICTS[event.verdict - 1], REASONS[event.reason]?.name];
  if (event.watch !== watch || kind === undefined || verdict === undefined || reason === undefined) return undefined;
  const address = (bytes: Uint8Array) => (event.family === 0 ? undefined : formatAddress(bytes.subarray(0, event.family === 4 ? 4 : 16)));
  return {
    nanoseconds: event.time,
    kind,
    reason,
    verdict,
    ifindex: event.ifindex,
    serviceId: event.serviceId === 0 ? undefined : event.serviceId,
    backendId: event.backendId === NO_BACKEND ? undefined : event.backendId,
    source: address(event.saddr),
    destination: address(event.daddr),
    sourcePort: event.sport,
    destinationPort: event.dport,
    protocol: event.protocol,
    bytes: event.packetBytes,
    packet: Buffer.from(event.packet.subarray(0, event.captured)),
  };
}
