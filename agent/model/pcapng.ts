// Capture files: blocks of pcapng (draft-ietf-opsawg-pcapng), little endian, times in microseconds.
// Imports nothing. Each function gives one whole block; a file is a section, its interfaces, its packets.
// Invariant: every block's length is a multiple of 4 and stands at both of its ends.

const BLOCK = { section: 0x0a0d0d0a, interface: 1, packet: 6 } as const;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const LINKTYPE_ETHERNET = 1;
const OPTION = {
  end: 0,
  comment: 1,
  sectionApplication: 4,
  interfaceName: 2,
  interfaceResolution: 9,
  packetFlags: 2,
  packetVerdict: 7,
} as const;
/** Exponent of 10 in if_tsresol: microseconds. */
const MICROSECONDS = 6;
const INBOUND = 1;
/** First octet of epb_verdict: what an XDP program returned follows, 8 bytes. */
const VERDICT_XDP = 2;

type Option = readonly [code: number, value: Uint8Array];

export interface CapturedPacket {
  /** Number of its interface block in the file, from 0. */
  readonly interface: number;
  /** Since 1970. */
  readonly microseconds: number;
  /** The frame's first bytes. */
  readonly packet: Uint8Array;
  /** Of the whole frame. */
  readonly bytes: number;
  readonly comment: string;
  /** As enum xdp_action (linux/bpf.h). */
  readonly xdpAction: number;
}

/** The beginning of a file. */
export function sectionBlock(application: string): Buffer {
  const body = Buffer.alloc(16);
  body.writeUInt32LE(BYTE_ORDER_MAGIC, 0);
  body.writeUInt16LE(1, 4);
  body.writeUInt16LE(0, 6);
  body.writeBigInt64LE(-1n, 8); // the section's length: not given
  return block(BLOCK.section, body, [[OPTION.sectionApplication, Buffer.from(application)]]);
}

/** A device; packets refer to it by its place among the interface blocks. `snap`: bytes that its packets have at most. */
export function interfaceBlock(name: string, snap: number): Buffer {
  const body = Buffer.alloc(8);
  body.writeUInt16LE(LINKTYPE_ETHERNET, 0);
  body.writeUInt32LE(snap, 4);
  return block(BLOCK.interface, body, [
    [OPTION.interfaceName, Buffer.from(name)],
    [OPTION.interfaceResolution, Uint8Array.of(MICROSECONDS)],
  ]);
}

export function packetBlock(captured: CapturedPacket): Buffer {
  const { packet } = captured;
  const head = Buffer.alloc(20);
  head.writeUInt32LE(captured.interface, 0);
  head.writeUInt32LE(Math.floor(captured.microseconds / 2 ** 32), 4);
  head.writeUInt32LE(captured.microseconds % 2 ** 32, 8);
  head.writeUInt32LE(packet.length, 12);
  head.writeUInt32LE(captured.bytes, 16);
  const flags = Buffer.alloc(4);
  flags.writeUInt32LE(INBOUND, 0);
  const verdict = Buffer.alloc(9);
  verdict.writeUInt8(VERDICT_XDP, 0);
  verdict.writeBigUInt64LE(BigInt(captured.xdpAction), 1);
  return block(BLOCK.packet, Buffer.concat([head, padded(packet)]), [
    [OPTION.comment, Buffer.from(captured.comment)],
    [OPTION.packetFlags, flags],
    [OPTION.packetVerdict, verdict],
  ]);
}

function block(type: number, body: Buffer, options: readonly Option[]): Buffer {
  const parts = [...options, [OPTION.end, new Uint8Array()] as const].map(([code, value]) => {
    const head = Buffer.alloc(4);
    head.writeUInt16LE(code, 0);
    head.writeUInt16LE(value.length, 2);
    return Buffer.concat([head, padded(value)]);
  });
  const inside = Buffer.concat([body, ...parts]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(inside.length + 12, 0);
  const kind = Buffer.alloc(4);
  kind.writeUInt32LE(type, 0);
  return Buffer.concat([kind, length, inside, length]);
}

/** Zeros behind, up to a multiple of 4. */
function padded(value: Uint8Array): Buffer {
  return Buffer.concat([value], Math.ceil(value.length / 4) * 4);
}
