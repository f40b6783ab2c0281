// The flow label that the LB writes into the outer IPv6 header of a wrapped packet: nothing that a case knows beforehand.
// Imports the packet tools' numbers alone.

import { ETHERTYPE, PROTOCOL } from '../support/packet/build.js';

/** Where the IPv6 header stands whose content is another IP header; undefined: the frame is not wrapped in IPv6. */
function findOuterHeader(frame: Buffer): number | undefined {
  let at = 12;
  while (at + 2 <= frame.length && [ETHERTYPE.vlan, ETHERTYPE.qinq].some((type) => type === frame.readUInt16BE(at))) at += 4;
  if (at + 42 > frame.length || frame.readUInt16BE(at) !== ETHERTYPE.ipv6) return undefined;
  const next = frame[at + 8];
  return next === PROTOCOL.ipip || next === PROTOCOL.ipv6 ? at + 2 : undefined;
}

/** `expected` with the outer flow label of `actual`, where both are wrapped in IPv6; no checksum covers it. */
export function takeOuterFlowLabel(expected: Buffer, actual: Buffer): Buffer {
  const [to, from] = [findOuterHeader(expected), findOuterHeader(actual)];
  if (to === undefined || from === undefined) return expected;
  const taken = Buffer.from(expected);
  const label = actual.readUInt32BE(from) & 0xfffff;
  taken.writeUInt32BE(((taken.readUInt32BE(to) & 0xfff00000) | label) >>> 0, to);
  return taken;
}
