// A loaded program: test runs, pin, and what the kernel tells of it.
// May import platform/port, platform/shared, agent/model/errors and its siblings.
// Invariant: it owns its descriptor and those of its maps; close() gives all of them back.

import { FairleadError } from '../../agent/model/errors.js';
import type { BpfMap, BpfProgram, TestRun } from '../port.js';
import { GROWTH, runProgram } from '../shared/test-run.js';
import type { Descriptor } from '../shared/descriptor.js';
import type { Context } from './context.js';
import { systemError } from './errno.js';
import { readProgramInfo } from './info.js';
import { pinObject } from './pins.js';

/** enum xdp_action of linux/bpf.h, by number. */
const VERDICTS = ['aborted', 'drop', 'pass', 'tx', 'redirect'] as const;

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
    const { repeat, ingressIfindex } = options;
    const metadata = ingressIfindex === undefined ? undefined : metadataOf(packet, ingressIfindex);
    const run = runProgram(this.#context.bpf, this.fd, packet, output, { repeat, metadata });
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

/** struct xdp_md: data = 0 (no metadata before the packet), data_end = length, data_meta = 0, then the device. */
function metadataOf(packet: Buffer, ingressIfindex: number): Buffer {
  const metadata = Buffer.alloc(24);
  metadata.writeUInt32LE(packet.length, 4);
  metadata.writeUInt32LE(ingressIfindex, 12);
  return metadata;
}
