// What the frontends in the service maps cover beyond one address and port, as entries of the tries lb4_spans and lb6_spans.
// Imports agent/model, platform/port and its siblings. bpf/layout.h (fl_span4) says what kinds of entry there are.
// Invariant: each frontend that was added has its entries, and there are no others once load() has run; of two frontends of one
// service that share an entry (its range is being changed) the last one added has it.

import type { BpfMap } from '../../platform/port.js';
import { formatFrontend } from '../model/format.js';
import { hostBitsOf, portBlocks } from '../model/frontend.js';
import type { Frontend } from '../model/service.js';
import { type FamilyLayout, viewFor } from './families.js';
import { PROTOCOL_NUMBERS, SPAN_FRONT_BITS } from './layout.js';

export interface SpanMap {
  readonly layout: FamilyLayout;
  readonly map: BpfMap;
}

interface Span {
  readonly key: Buffer;
  readonly value: Buffer;
}

export class SpanTable {
  readonly #families: readonly SpanMap[];
  /** Per trie, the frontends that need an entry, and their values, in the order in which they came. */
  readonly #users = new Map<BpfMap, Map<string, Map<string, Span>>>();

  constructor(families: readonly SpanMap[]) {
    this.#families = families;
    for (const { map } of families) this.#users.set(map, new Map());
  }

  /** After the service's entry is written: a packet that finds an entry here looks for that. */
  add(frontend: Frontend): void {
    const { layout, map } = viewFor(this.#families, frontend.address);
    for (const span of spansOf(layout, frontend)) {
      if (!map.lookup(span.key)?.equals(span.value)) map.update(span.key, span.value);
      const users = this.#usersOf(map, span);
      users.delete(formatFrontend(frontend));
      users.set(formatFrontend(frontend), span);
    }
  }

  /** Before the service's entry is deleted. */
  remove(frontend: Frontend): void {
    const { layout, map } = viewFor(this.#families, frontend.address);
    for (const span of spansOf(layout, frontend)) {
      const users = this.#usersOf(map, span);
      users.delete(formatFrontend(frontend));
      const next = [...users.values()].at(-1);
      if (next === undefined) {
        map.delete(span.key);
        this.#users.get(map)?.delete(nameOf(span));
      } else if (!map.lookup(next.key)?.equals(next.value)) map.update(next.key, next.value);
    }
  }

  /** Makes the tries hold what these frontends need and nothing else: at start, whatever an interrupted agent has left. */
  async load(frontends: readonly Frontend[]): Promise<void> {
    for (const users of this.#users.values()) users.clear();
    for (const frontend of frontends) this.add(frontend);
    for (const { map } of this.#families) {
      const stale: Buffer[] = [];
      for await (const { count, keys } of map.chunks()) {
        for (let i = 0; i < count; i++) {
          const key = Buffer.from(keys.subarray(i * map.keySize, (i + 1) * map.keySize));
          if (!this.#users.get(map)?.has(key.toString('latin1'))) stale.push(key);
        }
      }
      for (const key of stale) map.delete(key);
    }
  }

  #usersOf(map: BpfMap, span: Span): Map<string, Span> {
    const spans = this.#users.get(map) as Map<string, Map<string, Span>>;
    const users = spans.get(nameOf(span)) ?? new Map<string, Span>();
    spans.set(nameOf(span), users);
    return users;
  }
}

const nameOf = ({ key }: Span): string => key.toString('latin1');

/** The entries that a frontend needs: its virtual address or prefix, the prefix for its protocol, the blocks of its ports. */
function* spansOf(layout: FamilyLayout, frontend: Frontend): Generator<Span> {
  const { address, port, lastPort, protocol } = frontend;
  const hostBits = hostBitsOf(frontend);
  const addressBits = layout.span.fields.address.type.size * 8;
  const prefixBits = SPAN_FRONT_BITS + addressBits - hostBits;
  const number = PROTOCOL_NUMBERS[protocol];
  const prefix = layout.frontend.encode({ ...frontend, port: 0, lastPort: undefined });
  const span = { hostBits: 0, zero: 0, address, port: 0 };
  yield { key: layout.span.encode({ ...span, length: prefixBits, protocol: 0 }), value: withoutProtocol(layout, prefix) };
  if (hostBits > 0) yield { key: layout.span.encode({ ...span, length: prefixBits, protocol: number }), value: prefix };
  if (lastPort === undefined) return;
  for (const block of portBlocks(port, lastPort)) {
    const length = SPAN_FRONT_BITS + addressBits + block.bits;
    yield {
      key: layout.span.encode({ ...span, length, protocol: number, hostBits, port: block.port }),
      value: layout.frontend.encode(frontend),
    };
  }
}

/** A virtual address is the same whatever the protocols of its services. */
function withoutProtocol(layout: FamilyLayout, prefix: Buffer): Buffer {
  const value = Buffer.from(prefix);
  value.writeUInt8(0, layout.span.fields.address.type.size + 2);
  return value;
}
