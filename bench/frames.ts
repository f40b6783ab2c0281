// Builds the frames that the benchmark sends: Ethernet, IPv4, TCP, always the same length, with right checksums.
// Imports node: alone. What differs between families stands in LAYOUT_V4; IPv6 enters as a second builder.
// Invariant: every frame is LAYOUT_V4.bytes long, so the wrapper restores all of them by one copy.

/** Numbers that the wrapper is compiled with (bench/wrapper.c): bytes and offsets in a frame. */
export interface FrameLayout {
  readonly bytes: number;
  /** Of the last 4 bytes of the source address. */
  readonly sourceAt: number;
  readonly sourcePortAt: number;
}

/** 14 Ethernet + 20 IPv4 + 20 TCP + 10 of payload, or of padding where there is none: the least that Ethernet carries. */
export const LAYOUT_V4: FrameLayout = { bytes: 64, sourceAt: 26, sourcePortAt: 34 };

export const TCP_SYN = 0x02;
export const TCP_ACK = 0x10;

const IP_AT = 14;
const TCP_AT = 34;
const TCP_END = 54;
const PAYLOAD = 10;

/** Addresses are numbers in host order; MAC addresses are 6 bytes. */
export interface FrameSpec {
  readonly destinationMac: Uint8Array;
  readonly sourceMac: Uint8Array;
  readonly source: number;
  readonly destination: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** TCP flags octet. A SYN has no payload. */
  readonly flags: number;
}

/** RFC 1071, over network-order 16-bit words; `start` is a sum to go on from. */
function sumWords(bytes: Buffer, from: number, to: number, start: number): number {
  let sum = start;
  for (let at = from; at < to; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

export function buildFrameV4(spec: FrameSpec): Buffer {
  const frame = Buffer.alloc(LAYOUT_V4.bytes);
  const end = TCP_END + (spec.flags & TCP_SYN ? 0 : PAYLOAD);
  frame.set(spec.destinationMac, 0);
  frame.set(spec.sourceMac, 6);
  frame.writeUInt16BE(0x0800, 12);
  frame.writeUInt16BE(0x4500, IP_AT);
  frame.writeUInt16BE(end - IP_AT, IP_AT + 2);
  frame.writeUInt16BE(0x4000, IP_AT + 6); // DF, as TCP sets it
  frame.writeUInt16BE((64 << 8) | 6, IP_AT + 8); // time to live, TCP
  frame.writeUInt32BE(spec.source >>> 0, IP_AT + 12);
  frame.writeUInt32BE(spec.destination >>> 0, IP_AT + 16);
  frame.writeUInt16BE(~sumWords(frame, IP_AT, TCP_AT, 0) & 0xffff, IP_AT + 10);
  frame.writeUInt16BE(spec.sourcePort, TCP_AT);
  frame.writeUInt16BE(spec.destinationPort, TCP_AT + 2);
  frame.writeUInt16BE((5 << 12) | spec.flags, TCP_AT + 12);
  frame.writeUInt16BE(0xffff, TCP_AT + 14); // window
  const pseudo = sumWords(frame, IP_AT + 12, TCP_AT, 6 + end - TCP_AT);
  frame.writeUInt16BE(~sumWords(frame, TCP_AT, end, pseudo) & 0xffff, TCP_AT + 16);
  return frame;
}

/** The answer that the receiver of `frame` would send, with these flags. */
export function buildReplyV4(frame: Buffer, flags: number): Buffer {
  return buildFrameV4({
    destinationMac: frame.subarray(6, 12),
    sourceMac: frame.subarray(0, 6),
    source: frame.readUInt32BE(IP_AT + 16),
    destination: frame.readUInt32BE(IP_AT + 12),
    sourcePort: frame.readUInt16BE(TCP_AT + 2),
    destinationPort: frame.readUInt16BE(TCP_AT),
    flags,
  });
}
