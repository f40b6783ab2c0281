// Random fragments: a packet cut in two or three, of which one piece comes in.
// Imports fast-check and test/bpf's splitter. Few identifications, so that pieces of one datagram meet, and of different ones too.

import fc from 'fast-check';
import { splitPacket } from '../bpf/split.js';
import type { Family } from './state.js';

export interface Piece {
  /** Bytes of the first fragments: multiples of 8, which may be more than there are. */
  readonly sizes: readonly number[];
  readonly which: number;
  readonly id: number;
}

export const piece: fc.Arbitrary<Piece> = fc.record({
  sizes: fc.array(fc.constantFrom(8, 16, 24, 24, 24, 32, 32, 64), { minLength: 1, maxLength: 2 }),
  which: fc.constantFrom(0, 1, 1, 2),
  id: fc.constantFrom(0, 0, 0, 1),
});

/** The piece of the frame's packet; the frame itself where there is none such. */
export function takePiece(family: Family, frame: Buffer, { sizes, which, id }: Piece): Buffer {
  let link = 14;
  while (link < 26 && [0x8100, 0x88a8].includes(frame.readUInt16BE(link - 2))) link += 4;
  if (frame.readUInt16BE(link - 2) !== (family === 4 ? 0x0800 : 0x86dd)) return frame;
  const whole = Buffer.from(frame);
  if (family === 4) whole.writeUInt16BE(0x4242 + id, link + 4);
  const payload = family === 4 ? whole.readUInt16BE(link + 2) - (whole.readUInt8(link) & 15) * 4 : whole.readUInt16BE(link + 4);
  const fitting = sizes.filter((_, i) => sizes.slice(0, i + 1).reduce((sum, size) => sum + size, 0) < payload);
  const pieces = splitPacket(family, whole, { sizes: fitting, link, id: 0x42420000 + id });
  return pieces[which % pieces.length] as Buffer;
}
