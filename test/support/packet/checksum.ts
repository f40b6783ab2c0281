// The Internet checksum, from scratch over whole buffers: the yardstick for what the data plane computes by increments.
// Imports nothing of the product, so that both cannot be wrong in the same way.
// Addresses are byte strings of either family; nothing here knows their length.

/** One's complement sum of all 16-bit words (RFC 1071), folded; an odd last byte is padded with 0 on the right. */
function sumWords(data: Buffer): number {
  let sum = 0;
  for (let i = 0; i + 1 < data.length; i += 2) sum += data.readUInt16BE(i);
  if (data.length % 2 === 1) sum += (data[data.length - 1] as number) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return sum;
}

/** RFC 1071 checksum of `data`, whose own checksum field must be 0 to compute it, or filled in to get 0 when it is right. */
export function computeChecksum(data: Buffer): number {
  return ~sumWords(data) & 0xffff;
}

/** Pseudo header of TCP and UDP: RFC 9293 section 3.1 for 4-byte addresses, RFC 8200 section 8.1 for 16-byte ones. */
export function buildPseudoHeader(source: Buffer, destination: Buffer, protocol: number, length: number): Buffer {
  const tail = Buffer.alloc(source.length === 4 ? 4 : 8);
  if (source.length === 4) {
    tail.writeUInt8(protocol, 1);
    tail.writeUInt16BE(length, 2);
  } else {
    tail.writeUInt32BE(length, 0);
    tail.writeUInt8(protocol, 7);
  }
  return Buffer.concat([source, destination, tail]);
}

/** Checksum of a TCP, UDP or ICMPv6 segment with its pseudo header; the segment's own field as in computeChecksum. */
export function computeTransportChecksum(source: Buffer, destination: Buffer, protocol: number, segment: Buffer): number {
  return computeChecksum(Buffer.concat([buildPseudoHeader(source, destination, protocol, segment.length), segment]));
}
