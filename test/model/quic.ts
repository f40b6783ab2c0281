// QUIC by the server id in the connection id: "First packet of a flow", step 2 of docs/packet-walk.md.
// Imports the state's types and headers.ts.
// Invariant: whatever is no such connection id goes by the tuple.

import type { Headers } from './headers.js';
import { type QuicServers, type Service, UDP } from './state.js';

const [LONG, FIXED] = [0x80, 0x40];
/** The type of Handshake packets by version (RFC 9000, RFC 9369). */
const HANDSHAKE: ReadonlyMap<number, number> = new Map([
  [0x00000001, 2],
  [0x6b3343cf, 3],
]);
/** From the first octet of a connection id, whatever its server id's length; the frame must have them, the IP packet need not. */
const LOOKED_AT = 9;

/** The backend that the connection id names; undefined: none. */
export function quicBackend(frame: Buffer, { transport, end, tuple }: Headers, { quic }: Service): number | undefined {
  if (quic === undefined || tuple.protocol !== UDP) return undefined;
  const id = findId(frame, transport + 8, end, quic);
  if (id === undefined || frame.length < id + LOOKED_AT || frame.readUInt8(id) >> 5 !== quic.config) return undefined;
  return quic.servers.get(frame.toString('hex', id + 1, id + 1 + quic.bytes));
}

/** Where the connection id begins that a server has chosen. */
function findId(frame: Buffer, payload: number, end: number, { bytes }: QuicServers): number | undefined {
  if (end < payload + 2 + bytes || frame.length < payload + 6) return undefined;
  const first = frame.readUInt8(payload);
  if ((first & FIXED) === 0) return undefined;
  if ((first & LONG) === 0) return payload + 1;
  const isHandshake = HANDSHAKE.get(frame.readUInt32BE(payload + 1)) === ((first >> 4) & 3);
  const isLongEnough = frame.readUInt8(payload + 5) >= 1 + bytes && end >= payload + 7 + bytes;
  return isHandshake && isLongEnough ? payload + 6 : undefined;
}
