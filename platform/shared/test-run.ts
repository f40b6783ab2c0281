// One run of a program on a frame, without sending it (struct bpf_test_run_opts, which both libraries have).
// May import koffi and its siblings.

import koffi from 'koffi';
import type { SharedCalls } from './libbpf-calls.js';

/** A program may make the packet longer at its head; more room is not needed. */
export const GROWTH = 256;

export interface RunResult {
  /** Below 0: -errno. */
  readonly result: number;
  /** What the program returned, 32 bits. */
  readonly returned: number;
  /** Bytes of `output` that are the frame afterwards. */
  readonly length: number;
  readonly nanoseconds: number;
}

/** `metadata`: struct xdp_md as the platform has it; undefined: none is given. */
export function runProgram(
  { bpf_prog_test_run_opts }: Pick<SharedCalls, 'bpf_prog_test_run_opts'>,
  fd: number,
  packet: Buffer,
  output: Buffer,
  { repeat = 1, metadata }: { readonly repeat?: number | undefined; readonly metadata?: Buffer | undefined } = {},
): RunResult {
  const opts = Buffer.alloc(80);
  opts.writeBigUInt64LE(80n, 0);
  opts.writeBigUInt64LE(koffi.address(packet), 8);
  opts.writeBigUInt64LE(koffi.address(output), 16);
  opts.writeUInt32LE(packet.length, 24);
  opts.writeUInt32LE(output.length, 28);
  opts.writeUInt32LE(repeat, 60);
  if (metadata !== undefined) {
    opts.writeBigUInt64LE(koffi.address(metadata), 32);
    opts.writeUInt32LE(metadata.length, 48);
  }
  const result = bpf_prog_test_run_opts(fd, opts);
  return { result, returned: opts.readUInt32LE(56), length: opts.readUInt32LE(28), nanoseconds: opts.readUInt32LE(64) };
}
