// Random fragments: a packet cut in two or three, of which one piece comes in.
// Imports fast-check and test/bpf's splitter. Few identifications, so that pieces of one datagram meet, and of different ones too.

import fc from 'fast-check';
import { splitPacket } from '../bpf/split.js';
import { datagramParts } from './fragments.js';
import type { Family, Plane, Tuple } from './state.js';

/** Identifications are this one and those that follow. */
const FIRST_ID = { 4: 0x4242, 6: 0x42420000 } as const;

export interface Piece {
  /** Of a datagram whose first fragment has come, by number, where there is one; 0: of another, or of the same by chance. */
  readonly follows: number;
  /** Bytes of the first fragments: multiples of 8, which may be more than there are. */
  readonly sizes: readonly number[];
  readonly which: number;
  readonly id: number;
}

export const piece: fc.Arbitrary<Piece> = fc.record({
  follows: fc.nat(3),
  sizes: fc.array(fc.constantFrom(8, 16, 24, 24, 32, 32, 64), { minLength: 1, maxLength: 2 }),
  which: fc.constantFrom(0, 1, 1, 2),
  id: fc.constantFrom(0, 0, 0, 1),
});

/** The datagram that the piece belongs to, and the piece as a later one of it; undefined: it is of none that is known. */
export function followed({ fragments }: Plane, family: Family, piece: Piece): { readonly tuple: Tuple; readonly later: Piece } | undefined {
  const { follows, which } = piece;
  const known = [...(fragments ?? [])];
  const [name, first] = known[known.length - follows] ?? [];
  if (follows === 0 || name === undefined || first === undefined) return undefined;
  const { saddr, daddr, id } = datagramParts(family, name);
  const { sport, dport, protocol } = first;
  const later = { ...piece, which: Math.max(which, 1), id: Number.parseInt(id, 16) - FIRST_ID[family] };
  // 8 bytes into it, it is over the first one mostly.
  return { tuple: { saddr, daddr, sport, dport, protocol }, later: follows === 1 ? { ...later, sizes: [8] } : later };
}

/** The piece of the frame's packet; the frame itself where there is none such. */
export function takePiece(family: Family, frame: Buffer, { sizes, which, id }: Piece): Buffer {
  let link = 14;
  while (link < 26 && [0x8100, 0x88a8].includes(frame.readUInt16BE(link - 2))) link += 4;
  if (frame.readUInt16BE(link - 2) !== (family === 4 ? 0x0800 : 0x86dd)) return frame;
  const whole = Buffer.from(frame);
  if (family === 4) whole.writeUInt16BE(FIRST_ID[4] + id, link + 4);
  const payload = family === 4 ? whole.readUInt16BE(link + 2) - (whole.readUInt8(link) & 15) * 4 : whole.readUInt16BE(link + 4);
  const fitting = sizes.filter((_, i) => sizes.slice(0, i + 1).reduce((sum, size) => sum + size, 0) < payload);
  const pieces = splitPacket(family, whole, { sizes: fitting, link, id: FIRST_ID[6] + id });
  return pieces[which % pieces.length] as Buffer;
}
