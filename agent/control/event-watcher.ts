// Watching events: the data plane's records become what people read, while somebody asks for them.
// Imports platform/port, agent/datapath, agent/model and agent.ts.
// Invariant: events are on only while a watch runs; memory does not grow with what is not read, the ring buffer loses it and counts.

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Network } from '../../platform/port.js';
import type { Datapath } from '../datapath/datapath.js';
import type { EventRecord, EventStream } from '../datapath/events-table.js';
import { type BackendOf, rememberBackends } from '../datapath/flow-record.js';
import { FairleadError } from '../model/errors.js';
import type { EventFilter, PacketEvent } from '../model/events.js';
import type { EventWatch } from './agent.js';

/** Events between two turns of the event loop. */
const TURN = 256;

/** Names of IP protocols (IANA) that people know; others are shown by number. */
const PROTOCOLS: Readonly<Record<number, string>> = {
  1: 'icmp',
  2: 'igmp',
  4: 'ipip',
  6: 'tcp',
  17: 'udp',
  41: 'ipv6',
  47: 'gre',
  50: 'esp',
  58: 'icmpv6',
  132: 'sctp',
};

export class EventWatcher {
  readonly #datapath: Datapath;
  readonly #network: Network;
  /** Of the watch that runs: ends it. */
  #running: AbortController | undefined;

  constructor(datapath: Datapath, network: Network) {
    this.#datapath = datapath;
    this.#network = network;
  }

  /** Begins when it is first asked for an event. Throws FL_E_CONFLICT, here and there, when another watch runs. */
  watch(filter: EventFilter, signal: AbortSignal): EventWatch {
    this.#requireNone();
    let stream: EventStream | undefined;
    const events = this.#watch(filter, signal, (opened) => {
      stream = opened;
    });
    return {
      losses: () => stream?.losses() ?? { limited: 0, lost: 0 },
      [Symbol.asyncIterator]: () => events,
    };
  }

  /** Ends the watch that runs: events are off when it returns, also when nobody reads the watch's last ones. */
  close(): void {
    this.#running?.abort();
  }

  #requireNone(): void {
    if (this.#running === undefined) return;
    throw new FairleadError('FL_E_CONFLICT', 'events are being watched already', { hint: 'end the other monitor or capture first' });
  }

  async *#watch(filter: EventFilter, signal: AbortSignal, opened: (stream: EventStream) => void): AsyncGenerator<PacketEvent> {
    this.#requireNone();
    const running = new AbortController();
    this.#running = running;
    try {
      const stream = this.#datapath.events.open(filter);
      opened(stream);
      const close = (): void => stream.close();
      const either = AbortSignal.any([signal, running.signal]);
      either.addEventListener('abort', close);
      try {
        const toEvent = this.#translator();
        while (!either.aborted) {
          const records = stream.take(TURN);
          for (const record of records) {
            yield toEvent(record);
            if (either.aborted) return;
          }
          // A full batch may have more behind it; a turn in between lets Ctrl-C be seen.
          if (records.length === 0) await stream.readable();
          else await nextTurn();
        }
      } finally {
        either.removeEventListener('abort', close);
        close();
      }
    } finally {
      this.#running = undefined;
    }
  }

  #translator(): (record: EventRecord) => PacketEvent {
    const { clock } = this.#datapath.events;
    const offset = (performance.timeOrigin + performance.now()) * 1000 - Number(clock.nanoseconds()) / 1000;
    const backendOf = rememberBackends(this.#datapath.backends);
    const devices = new Map<number, string>();
    const deviceOf = (ifindex: number): string | undefined => {
      if (!devices.has(ifindex)) for (const { index, name } of this.#network.interfaces()) devices.set(index, name);
      return devices.get(ifindex);
    };
    return (record) => toPacketEvent(record, offset, backendOf, deviceOf(record.ifindex));
  }
}

/** `offset`: microseconds from the data plane's clock to the time since 1970. */
function toPacketEvent(record: EventRecord, offset: number, backendOf: BackendOf, device: string | undefined): PacketEvent {
  const { kind, reason, verdict, source, destination, protocol, bytes } = record;
  const backend = record.backendId === undefined ? undefined : backendOf(record.backendId);
  // Port 0 stands for "none": no connection has it.
  const port = (number: number) => (number === 0 ? undefined : number);
  const view = {
    time: Math.round(record.nanoseconds / 1000 + offset) / 1e6,
    kind,
    reason,
    verdict,
    device,
    source,
    sourcePort: port(record.sourcePort),
    destination,
    destinationPort: port(record.destinationPort),
    protocol: source === undefined ? undefined : (PROTOCOLS[protocol] ?? String(protocol)),
    service: record.serviceId,
    backend: backend?.address,
    backendPort: backend?.port || (backend && port(record.destinationPort)),
    bytes,
  };
  return { view, packet: record.packet };
}
