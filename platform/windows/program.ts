// A loaded program: test runs, pin, and what the system tells of it.
// May import platform/port, platform/shared, agent/model/errors and its siblings.
// Invariant: it owns its descriptor and those of its maps; close() gives all of them back.

import type { BpfMap, BpfProgram, TestRun } from '../port.js';
import { GROWTH, runProgram } from '../shared/test-run.js';
import type { Descriptor } from '../shared/descriptor.js';
import type { Context } from './context.js';
import { systemError } from './errno.js';
import { readProgramInfo } from './info.js';
import { pinObject } from './pins.js';

/** What XDP for Windows does with the number that a program returned: anything else is a drop. */
const VERDICTS: Readonly<Record<number, TestRun['verdict']>> = { 1: 'pass', 2: 'drop', 3: 'tx' };
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
    const run = runProgram(this.#context.api, this.fd, packet, output, { repeat: options.repeat, metadata });
    if (run.result < 0) {
      const what = `test run of ${this.name} with ${packet.length} bytes failed`;
      throw systemError('FL_E_SYSTEM', what, run.result, 'a frame takes 14 bytes at least');
    }
    return { verdict: VERDICTS[run.returned] ?? 'drop', packet: output.subarray(0, run.length), nanoseconds: run.nanoseconds };
  }

  pin(path: string): void {
    pinObject(this.#context, this.fd, `program ${this.name}`, path);
  }

  close(): void {
    for (const map of this.maps.values()) map.close();
    this.#descriptor.close();
  }
}
