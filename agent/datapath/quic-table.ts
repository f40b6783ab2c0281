// Which backend a QUIC server id of a service means, over quic_servers (a hash).
// Imports platform/port and its siblings.
// Invariant: what set() wrote, entries() gives back; ids are lower-case hex.

import type { BpfMap } from '../../platform/port.js';
import { QUIC_BACKEND, QUIC_SERVER } from './layout.js';

export interface QuicServer {
  readonly serviceId: number;
  /** 1 to 8 bytes as hex digits. */
  readonly id: string;
}

export class QuicTable {
  readonly #map: BpfMap;

  constructor(map: BpfMap) {
    this.#map = map;
  }

  get(server: QuicServer): number | undefined {
    const value = this.#map.lookup(encodeServer(server));
    return value === undefined ? undefined : QUIC_BACKEND.decode(value).backendId;
  }

  set(server: QuicServer, backendId: number): void {
    this.#map.update(encodeServer(server), QUIC_BACKEND.encode({ backendId }));
  }

  delete(server: QuicServer): void {
    this.#map.delete(encodeServer(server));
  }

  /** All of them, in no order. */
  async entries(): Promise<readonly (readonly [QuicServer, number])[]> {
    const found: [QuicServer, number][] = [];
    for await (const { count, keys, values } of this.#map.chunks()) {
      for (let i = 0; i < count; i++) {
        const { serviceId, bytes, id } = QUIC_SERVER.decode(keys, i * QUIC_SERVER.size);
        const { backendId } = QUIC_BACKEND.decode(values, i * QUIC_BACKEND.size);
        found.push([{ serviceId, id: Buffer.from(id).subarray(0, bytes).toString('hex') }, backendId]);
      }
    }
    return found;
  }
}

function encodeServer({ serviceId, id }: QuicServer): Buffer {
  const bytes = Buffer.from(id, 'hex');
  return QUIC_SERVER.encode({ serviceId, bytes: bytes.length, id: bytes });
}
