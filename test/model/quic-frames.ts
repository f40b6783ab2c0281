// Random QUIC: services that look at connection ids, and datagrams with ids of theirs, or nearly so.
// Imports fast-check and the state's types.
// Invariant: most server ids that a datagram names are ones that the service knows.

import fc from 'fast-check';
import type { QuicServers, Service } from './state.js';

/** What a service's server ids are made from. */
export interface ServersChoice {
  readonly config: number;
  /** 0: connection ids are not looked at. */
  readonly bytes: number;
  readonly backends: readonly number[];
}

export const serversChoice: fc.Arbitrary<ServersChoice> = fc.record({
  config: fc.nat(7),
  bytes: fc.nat(8),
  backends: fc.array(fc.constantFrom(1, 2, 3, 1, 2, 3, 4, 5), { minLength: 1, maxLength: 4 }),
});

/** Ids differ in their last byte; the first one's is 0, as padding is that continues a datagram. */
const serverId = (bytes: number, i: number): string => `${'c3'.repeat(bytes - 1)}${i}0`;

export function buildServers({ config, bytes, backends }: ServersChoice): Pick<Service, 'quic'> {
  if (bytes === 0) return { quic: undefined };
  return { quic: { config, bytes, servers: new Map(backends.map((backendId, i) => [serverId(bytes, i), backendId])) } };
}

/** What a datagram is made from. */
export interface QuicChoice {
  readonly first: number;
  readonly version: number;
  /** Of the connection id, less what the server id needs with its first octet. */
  readonly surplus: number;
  readonly server: number;
  /** 0: the service's configuration. */
  readonly config: number;
  readonly length: number;
}

const VERSIONS = [0x00000001, 0x6b3343cf, 0, 0x6b3343ce];

export const quicChoice: fc.Arbitrary<QuicChoice> = fc.record({
  first: fc.oneof({ weight: 3, arbitrary: fc.constantFrom(0x40, 0x5f, 0xe0, 0xf0) }, { weight: 1, arbitrary: fc.nat(255) }),
  version: fc.constantFrom(0, 0, 1, 1, 2, 3),
  surplus: fc.constantFrom(0, 0, 1, 5, -1),
  server: fc.nat(4),
  config: fc.constantFrom(0, 0, 0, 0, 1),
  length: fc.oneof({ weight: 3, arbitrary: fc.constant(40) }, { weight: 1, arbitrary: fc.nat(24) }),
});

/** A datagram's payload for a service. */
export function buildDatagram(quic: QuicServers = { config: 2, bytes: 4, servers: new Map() }, choice: QuicChoice): Buffer {
  const { config, bytes } = quic;
  const { first, version, surplus, server, length } = choice;
  const id = Buffer.alloc(1 + bytes + 5, 0x77);
  id.writeUInt8((((config + choice.config) & 7) << 5) | 9, 0);
  id.write(serverId(bytes, server), 1, 'hex');
  const long = Buffer.alloc(5);
  long.writeUInt32BE(VERSIONS[version] as number, 0);
  long.writeUInt8(1 + bytes + surplus, 4);
  return Buffer.concat([Buffer.from([first]), first & 0x80 ? long : Buffer.alloc(0), id, Buffer.alloc(40, 0x5a)]).subarray(0, length);
}
