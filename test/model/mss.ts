// MSS clamping, from "What the program answers itself" of docs/packet-walk.md.
// Imports its siblings.
// Invariant: the frame that is given stays as it is.

import type { Headers } from './headers.js';
import { changeTransport } from './sums.js';
import type { Walk } from './walk.js';

const SYN = 0x02;
const [END, NOTHING, MSS] = [0, 1, 2];
const BARE = 20;
/** Options that are looked at. */
const MOST_OPTIONS = 6;
const LESS = { 4: 0, 6: 20 } as const;

/** The packet with its MSS lowered, where it is a SYN that names a larger one. */
export function clampMss<Packet extends Walk>(packet: Packet): Packet {
  const { arrival, headers, draft } = packet;
  const { mssClamp = 0 } = draft.settings;
  if (mssClamp === 0 || (headers.tcpFlags & SYN) === 0 || headers.fragment?.offset) return packet;
  const at = findMss(arrival.frame, headers);
  const most = mssClamp - LESS[headers.family];
  if (at === undefined || arrival.frame.readUInt16BE(at) <= most) return packet;
  const frame = Buffer.from(arrival.frame);
  changeTransport(frame, headers, () => frame.writeUInt16BE(most, at));
  return { ...packet, arrival: { ...arrival, frame } };
}

/** Where the value of the MSS option stands. */
function findMss(frame: Buffer, { transport }: Headers): number | undefined {
  const end = transport + (frame.readUInt8(transport + 12) >> 4) * 4;
  let at = transport + BARE;
  for (let i = 0; i < MOST_OPTIONS && at + 4 <= end; i++) {
    const [kind, length] = [frame.readUInt8(at), frame.readUInt8(at + 1)];
    if (kind === END) return undefined;
    if (kind === MSS) return length === 4 ? at + 2 : undefined;
    if (kind !== NOTHING && length < 2) return undefined;
    at += kind === NOTHING ? 1 : length;
  }
  return undefined;
}
