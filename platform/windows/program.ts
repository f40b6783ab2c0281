// A loaded program: test runs, pin, and what the system tells of it.
// May import koffi, platform/port, agent/model/errors and its siblings.
// Invariant: it owns its descriptor and those of its maps; close() gives all of them back.

import koffi from 'koffi';
import type { BpfMap, BpfProgram, TestRun } from '../port.js';
import type { Context, Descriptor } from './context.js';
import { systemError } from './errno.js';
import { readProgramInfo } from './info.js';
import { pinObject } from './pins.js';

/** What XDP for Windows does with the number that a program returned: anything else is a drop. */
const VERDICTS: Readonly<Record<number, TestRun['verdict']>> = { 1: 'pass', 2: 'drop', 3: 'tx' };
/** A program may make the packet longer at its head. */
const GROWTH = 256;
const CONTEXT_BYTES = 32; // struct xdp_md

export class WindowsProgram implements BpfProgram {
  readonly id: number;
  readonly name: string;
  readonly tag: string;
  // The system tells none of these.
  readonly verifiedInstructions = 0;
  readonly translatedInstructions = 0;
  readonly machineCodeBytes = 0;
  readonly maps: ReadonlyMap<string, BpfMap>;
  readonly mapIds: readonly number[];
  readonly #context: Context;
  readonly #descriptor: Descriptor;

  /** Takes ownership of the descriptor and of the maps. `tag`: names the file that it was loaded from; empty where that is not known. */
  constructor(context: Context, descriptor: Descriptor, maps: ReadonlyMap<string, BpfMap>, tag: string) {
    const info = readProgramInfo(context, descriptor.fd);
    this.#context = context;
    this.#descriptor = descriptor;
    this.id = info.id;
    this.name = info.name;
    this.tag = tag;
    this.maps = maps;
    this.mapIds = info.mapIds;
  }

  /** For the adapter alone. */
  get fd(): number {
    return this.#descriptor.fd;
  }

  testRun(packet: Buffer, options: { repeat?: number; ingressIfindex?: number } = {}): TestRun {
    const output = Buffer.alloc(packet.length + GROWTH);
    const metadata = Buffer.alloc(CONTEXT_BYTES);
    metadata.writeUInt32LE(options.ingressIfindex ?? 0, 24);
    const opts = Buffer.alloc(80); // struct bpf_test_run_opts
    opts.writeBigUInt64LE(80n, 0);
    opts.writeBigUInt64LE(koffi.address(packet), 8);
    opts.writeBigUInt64LE(koffi.address(output), 16);
    opts.writeUInt32LE(packet.length, 24);
    opts.writeUInt32LE(output.length, 28);
    opts.writeUInt32LE(options.repeat ?? 1, 60);
    opts.writeBigUInt64LE(koffi.address(metadata), 32);
    opts.writeUInt32LE(metadata.length, 48);
    const result = this.#context.api.bpf_prog_test_run_opts(this.fd, opts);
    if (result < 0) {
      const what = `test run of ${this.name} with ${packet.length} bytes failed`;
      throw systemError('FL_E_SYSTEM', what, result, metadata.length === 0 ? undefined : 'a frame takes 14 bytes at least');
    }
    const verdict = VERDICTS[opts.readUInt32LE(56)] ?? 'drop';
    return { verdict, packet: output.subarray(0, opts.readUInt32LE(28)), nanoseconds: opts.readUInt32LE(64) };
  }

  pin(path: string): void {
    pinObject(this.#context, this.fd, `program ${this.name}`, path);
  }

  close(): void {
    for (const map of this.maps.values()) map.close();
    this.#descriptor.close();
  }
}
