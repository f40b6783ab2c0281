// What happens in a world, step by step: packets of clients, backends and routers, time that passes, and what an agent or an operator changes.
// Imports fast-check, and the kinds of packets and changes.
// Invariant: a step is plain data that makes sense in any state (it picks by number, modulo what is there), so that sequences can be shrunk.

import fc from 'fast-check';
import { type ErrorChoice, errorChoice } from './error-frames.js';
import { type Damage, damage, type Shape, shape } from './frames.js';
import { PROBED_PORTS, type Wide, wide } from './frontends.js';
import { type Piece, piece } from './pieces.js';
import { type QuicChoice, quicChoice, type ServersChoice, serversChoice } from './quic-frames.js';
import { SETTINGS } from './setting.js';
import { type RangeChoice, rangeChoices } from './source-ranges.js';
import type { Family } from './state.js';
import { CLIENTS, NOT_OVER_ID, OVER_IDS, SERVICES, table } from './world.js';

/** A frame that comes in. */
export interface Packet {
  readonly family: Family;
  readonly shape: Shape;
  readonly damage: Damage;
  readonly byDevice: boolean;
}
export type Step =
  | ({ readonly kind: 'request'; readonly client: number; readonly port: number; readonly service: number } & Packet)
  | ({ readonly kind: 'probe'; readonly client: number; readonly address: number; readonly port: number; readonly udp: boolean } & Packet)
  | ({
      readonly kind: 'piece';
      readonly client: number;
      readonly service: number;
      readonly isReply: boolean;
      readonly pick: number;
      readonly piece: Piece;
    } & Packet)
  | ({ readonly kind: 'ping'; readonly client: number; readonly address: number; readonly what: number } & Packet)
  | ({ readonly kind: 'reply'; readonly pick: number } & Packet)
  | ({ readonly kind: 'odd'; readonly what: number; readonly service: number } & Packet)
  | ({ readonly kind: 'quic'; readonly client: number; readonly port: number; readonly quic: QuicChoice } & Packet)
  | { readonly kind: 'servers'; readonly family: Family; readonly servers: ServersChoice }
  | ({ readonly kind: 'proof'; readonly pick: number; readonly wrong: number } & Packet)
  | { readonly kind: 'proofs'; readonly offset: number }
  | ({ readonly kind: 'error'; readonly error: ErrorChoice } & Packet)
  | { readonly kind: 'bytes'; readonly frame: Uint8Array; readonly type: number }
  | { readonly kind: 'rest'; readonly family: Family; readonly timeout: number; readonly offset: number }
  | { readonly kind: 'establish' | 'flood' | 'crowd'; readonly family: Family }
  | { readonly kind: 'backend'; readonly family: Family; readonly id: number; readonly change: number }
  | {
      readonly kind: 'service';
      readonly family: Family;
      readonly service: number;
      readonly change: number;
      readonly table: readonly number[];
    }
  | { readonly kind: 'over'; readonly service: number; readonly table: readonly number[] }
  | { readonly kind: 'mode'; readonly action: number }
  | { readonly kind: 'lose'; readonly family: Family; readonly table: 'flows' | 'replies'; readonly pick: number }
  | { readonly kind: 'sources'; readonly family: Family; readonly service: number; readonly ranges: readonly RangeChoice[] }
  | { readonly kind: 'deny'; readonly family: Family; readonly ranges: readonly RangeChoice[] }
  | ({ readonly kind: 'wide'; readonly family: Family } & Wide)
  | { readonly kind: 'setting'; readonly name: number; readonly value: number }
  | { readonly kind: 'affinity'; readonly family: Family; readonly service: number; readonly seconds: number }
  | { readonly kind: 'fib' }
  | { readonly kind: 'vip'; readonly bit: number };

const family = fc.constantFrom<Family>(4, 4, 6, 6);
const packet = {
  family,
  shape,
  damage,
  byDevice: fc.integer({ min: 0, max: 5 }).map((number) => number === 0),
};
/** Backends of IPv6 for an IPv4 service. */
const overTable = fc.array(fc.constantFrom(...OVER_IDS, ...OVER_IDS, NOT_OVER_ID, 5), { minLength: 1, maxLength: 4 });
const kind = <Kind extends Step['kind']>(name: Kind) => fc.constant(name);

export const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 40,
    arbitrary: fc.record({ kind: kind('request'), client: fc.nat(CLIENTS - 1), port: fc.nat(2), service: fc.nat(SERVICES - 1), ...packet }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: kind('probe'),
      client: fc.nat(CLIENTS - 1),
      address: fc.nat(2),
      port: fc.nat(PROBED_PORTS.length - 1),
      udp: fc.boolean(),
      ...packet,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: kind('ping'), client: fc.nat(CLIENTS - 1), address: fc.nat(3), what: fc.nat(1000), ...packet }),
  },
  {
    weight: 14,
    arbitrary: fc.record({
      kind: kind('piece'),
      client: fc.constant(0),
      service: fc.constantFrom(0, 0, 0, 1, 2),
      isReply: fc.nat(2).map((number) => number === 0),
      pick: fc.nat(2),
      piece,
      ...packet,
    }),
  },
  { weight: 24, arbitrary: fc.record({ kind: kind('reply'), pick: fc.nat(63), ...packet }) },
  { weight: 4, arbitrary: fc.record({ kind: kind('odd'), what: fc.nat(1000), service: fc.nat(SERVICES - 1), ...packet }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: kind('quic'), client: fc.nat(CLIENTS - 1), port: fc.nat(999), quic: quicChoice, ...packet }),
  },
  { weight: 2, arbitrary: fc.record({ kind: kind('servers'), family, servers: serversChoice }) },
  { weight: 4, arbitrary: fc.record({ kind: kind('proof'), pick: fc.nat(7), wrong: fc.nat(127), ...packet }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('proofs'), offset: fc.integer({ min: -1, max: 1 }) }) },
  { weight: 16, arbitrary: fc.record({ kind: kind('error'), error: errorChoice, ...packet }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: kind('bytes'),
      frame: fc.uint8Array({ minLength: 14, maxLength: 120 }),
      type: fc.constantFrom(0, 0x0800, 0x86dd),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: kind('rest'), family, timeout: fc.nat(7), offset: fc.integer({ min: -1, max: 1 }) }) },
  { weight: 4, arbitrary: fc.record({ kind: kind('establish'), family }) },
  { weight: 2, arbitrary: fc.record({ kind: kind('crowd'), family }) },
  { weight: 2, arbitrary: fc.record({ kind: kind('flood'), family }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: kind('backend'), family, id: fc.constantFrom(1, 2, 3, 4, 1, 2, 3, 4, ...OVER_IDS), change: fc.nat(12) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: kind('service'),
      family,
      service: fc.nat(SERVICES - 1),
      change: fc.nat(4),
      table,
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: kind('over'), service: fc.nat(SERVICES - 1), table: overTable }) },
  { weight: 3, arbitrary: fc.record({ kind: kind('mode'), action: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ kind: kind('lose'), family, table: fc.constantFrom('flows', 'replies'), pick: fc.nat(63) }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('sources'), family, service: fc.nat(SERVICES - 1), ranges: rangeChoices(CLIENTS) }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('deny'), family, ranges: rangeChoices(CLIENTS) }) },
  { weight: 2, arbitrary: fc.tuple(family, wide(table)).map(([which, given]) => ({ kind: 'wide' as const, family: which, ...given })) },
  { weight: 3, arbitrary: fc.record({ kind: kind('setting'), name: fc.nat(SETTINGS.length - 1), value: fc.nat(9) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: kind('affinity'),
      family,
      service: fc.nat(SERVICES - 1),
      seconds: fc.constantFrom(0, 1, 1, 10, 300, 10800),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: kind('fib') }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('vip'), bit: fc.nat(4) }) },
);
