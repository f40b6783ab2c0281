// The wrapper program (bench/wrapper.c) as an object: puts frames into it, points it at a program, runs it.
// Imports the platform port, agent/control/compile.ts, agent/model and its siblings.
// Invariant: every run begins with a whole frame of the set asked for, whatever the program measured did to the one before.

import { closeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { compileObject } from '../agent/control/program/compile.js';
import { FairleadError } from '../agent/model/errors.js';
import type { BpfMap, BpfProgram, Platform, TestRun } from '../platform/port.js';
import type { FrameLayout } from './frames.js';
import { openProgramById } from './kernel.js';

/** Frames that the wrapper has room for. */
const MAX_FRAMES = 65536;
/** Bytes of struct bench_job. */
const JOB_BYTES = 24;

export type Target = 'nothing' | 'measured';
const TARGET_INDEX: Readonly<Record<Target, number>> = { nothing: 0, measured: 1 };

/** A run of frames in the wrapper's map, taken in turn. */
export interface FrameRange {
  readonly first: number;
  readonly count: number;
}

export interface Job {
  readonly range: FrameRange;
  readonly target: Target;
  readonly runs: number;
  /** First serial of the source addresses and ports that make every frame another flow's; undefined: frames go as they are. */
  readonly freshFrom: number | undefined;
}

export interface Sample {
  readonly verdict: TestRun['verdict'];
  /** Mean of one run, wrapper included, without the time that other processes took. */
  readonly nanoseconds: number;
}

function encodeIndex(index: number): Buffer {
  const key = Buffer.alloc(4);
  key.writeUInt32LE(index);
  return key;
}

export class Wrapper {
  readonly #program: BpfProgram;
  readonly #nothing: BpfProgram;
  readonly #frameBytes: number;
  #frames = 0;

  private constructor(program: BpfProgram, nothing: BpfProgram, frameBytes: number) {
    this.#program = program;
    this.#nothing = nothing;
    this.#frameBytes = frameBytes;
  }

  /** Compiles and loads the wrapper and the do-nothing program for frames of this layout. */
  static async load(platform: Platform, compiler: { clang: string; cacheDirectory: string }, layout: FrameLayout): Promise<Wrapper> {
    const { objectFile } = await compileObject({
      ...compiler,
      sourceDirectory: fileURLToPath(new URL('.', import.meta.url)),
      source: 'wrapper.c',
      flavour: 'linux',
      macros: {
        BENCH_FRAME_BYTES: layout.bytes,
        BENCH_SOURCE_AT: layout.sourceAt,
        BENCH_SPORT_AT: layout.sourcePortAt,
        BENCH_MAX_FRAMES: MAX_FRAMES,
      },
    });
    const program = await platform.bpf.load({ objectFile, program: 'bench_wrapper', pinDirectory: undefined });
    const nothing = await platform.bpf.load({ objectFile, program: 'bench_nothing', pinDirectory: undefined });
    const wrapper = new Wrapper(program, nothing, layout.bytes);
    wrapper.#setTarget('nothing', nothing);
    return wrapper;
  }

  /** The program that runs with target 'measured'. */
  aim(program: BpfProgram): void {
    this.#setTarget('measured', program);
  }

  /** Adds frames (all of the layout's length) and returns where they stand. Throws FL_E_LIMIT when there is no room. */
  async addFrames(frames: readonly Buffer[]): Promise<FrameRange> {
    const first = this.#frames;
    if (first + frames.length > MAX_FRAMES) {
      throw new FairleadError('FL_E_LIMIT', `${first + frames.length} frames: the wrapper has room for ${MAX_FRAMES}`);
    }
    const values = Buffer.concat(frames);
    if (values.length !== frames.length * this.#frameBytes) throw new RangeError(`frames are not of ${this.#frameBytes} bytes each`);
    const keys = Buffer.concat(frames.map((_, i) => encodeIndex(first + i)));
    await this.#map('bench_frames').updateMany(keys, values, frames.length);
    this.#frames += frames.length;
    return { first, count: frames.length };
  }

  run(job: Job): Sample {
    const { first, count } = job.range;
    const fields = [first, first + count, first, TARGET_INDEX[job.target], job.freshFrom === undefined ? 0 : 1, job.freshFrom ?? 0];
    const value = Buffer.alloc(JOB_BYTES);
    for (const [i, field] of fields.entries()) value.writeUInt32LE(field, 4 * i);
    this.#map('bench_job').update(encodeIndex(0), value);
    const { verdict, nanoseconds } = this.#program.testRun(Buffer.alloc(this.#frameBytes), { repeat: job.runs });
    // The kernel cuts the fraction off (bpf_test_timer_continue in net/bpf/test_run.c); its middle is the fair guess.
    return { verdict, nanoseconds: nanoseconds + 0.5 };
  }

  close(): void {
    this.#program.close();
    this.#nothing.close();
  }

  #map(name: string): BpfMap {
    const map = this.#program.maps.get(name);
    if (map === undefined) throw new FairleadError('FL_E_LOAD', `the wrapper has no map ${name}`);
    return map;
  }

  /** The value of a program array's entry is a file descriptor; the kernel keeps its own reference. */
  #setTarget(target: Target, program: BpfProgram): void {
    const fd = openProgramById(program.id);
    try {
      this.#map('bench_targets').update(encodeIndex(TARGET_INDEX[target]), encodeIndex(fd));
    } finally {
      closeSync(fd);
    }
  }
}
