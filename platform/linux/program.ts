// A loaded program: test runs, pin, and what the kernel tells of it.
// May import koffi, platform/port, agent/model/errors and its siblings.
// Invariant: it owns its descriptor and those of its maps; close() gives all of them back.

import koffi from 'koffi';
import { FairleadError } from '../../agent/model/errors.js';
import type { BpfMap, BpfProgram, TestRun } from '../port.js';
import type { Context, Descriptor } from './context.js';
import { systemError } from './errno.js';
import { readProgramInfo } from './info.js';
import { pinObject } from './pins.js';

/** enum xdp_action of linux/bpf.h, by number. */
const VERDICTS = ['aborted', 'drop', 'pass', 'tx', 'redirect'] as const;
/** A program may make the packet longer at its head (bpf_xdp_adjust_head) and tail; more room than the kernel's page allows is not needed. */
const GROWTH = 256;

export class LinuxProgram implements BpfProgram {
  readonly id: number;
  readonly name: string;
  readonly tag: string;
  readonly verifiedInstructions: number;
  readonly translatedInstructions: number;
  readonly machineCodeBytes: number;
  readonly maps: ReadonlyMap<string, BpfMap>;
  readonly mapIds: readonly number[];
  readonly #context: Context;
  readonly #descriptor: Descriptor;

  /** Takes ownership of the descriptor and of the maps. */
  constructor(context: Context, descriptor: Descriptor, name: string, maps: ReadonlyMap<string, BpfMap>) {
    const info = readProgramInfo(context, descriptor.fd);
    this.#context = context;
    this.#descriptor = descriptor;
    this.id = info.id;
    this.name = name;
    this.tag = info.tag;
    this.verifiedInstructions = info.verifiedInstructions;
    this.translatedInstructions = info.translatedBytes / 8;
    this.machineCodeBytes = info.machineCodeBytes;
    this.maps = maps;
    this.mapIds = info.mapIds;
  }

  /** For the adapter alone. */
  get fd(): number {
    return this.#descriptor.fd;
  }

  testRun(packet: Buffer, options: { repeat?: number; ingressIfindex?: number } = {}): TestRun {
    const output = Buffer.alloc(packet.length + GROWTH);
    const run = runProgram(this.#context, this.fd, packet, output, options);
    if (run.result < 0) {
      const hint = options.ingressIfindex === undefined ? 'a frame takes 14 bytes at least' : 'is there a device with this index here?';
      const what = `test run of ${this.name} with ${packet.length} bytes from device ${options.ingressIfindex ?? 'unset'} failed`;
      throw systemError('FL_E_SYSTEM', what, run.result, hint);
    }
    const verdict = VERDICTS[run.returned];
    if (verdict === undefined) throw new FairleadError('FL_E_SYSTEM', `test run of ${this.name} returned ${run.returned}, no XDP verdict`);
    return { verdict, packet: output.subarray(0, run.length), nanoseconds: run.nanoseconds };
  }

  pin(path: string): void {
    pinObject(this.#context, this.fd, `program ${this.name}`, path);
  }

  close(): void {
    for (const map of this.maps.values()) map.close();
    this.#descriptor.close();
  }
}

/** One BPF_PROG_TEST_RUN (struct bpf_test_run_opts). `result` < 0: -errno. `returned`: what the program returned, 32 bits. */
export function runProgram(
  context: Context,
  fd: number,
  packet: Buffer,
  output: Buffer,
  options: { repeat?: number; ingressIfindex?: number },
): { result: number; returned: number; length: number; nanoseconds: number } {
  const opts = Buffer.alloc(80);
  opts.writeBigUInt64LE(80n, 0);
  opts.writeBigUInt64LE(koffi.address(packet), 8);
  opts.writeBigUInt64LE(koffi.address(output), 16);
  opts.writeUInt32LE(packet.length, 24);
  opts.writeUInt32LE(output.length, 28);
  opts.writeUInt32LE(options.repeat ?? 1, 60);
  // struct xdp_md: data = 0 (no metadata before the packet), data_end = length, data_meta = 0, then the device.
  const metadata = Buffer.alloc(24);
  if (options.ingressIfindex !== undefined) {
    metadata.writeUInt32LE(packet.length, 4);
    metadata.writeUInt32LE(options.ingressIfindex, 12);
    opts.writeBigUInt64LE(koffi.address(metadata), 32);
    opts.writeUInt32LE(metadata.length, 48);
  }
  const result = context.bpf.bpf_prog_test_run_opts(fd, opts);
  return { result, returned: opts.readUInt32LE(56), length: opts.readUInt32LE(28), nanoseconds: opts.readUInt32LE(64) };
}
