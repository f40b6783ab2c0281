// The wrapper program (bench/wrapper.c) as an object: puts frames into it, points it at a program, runs it.
// Imports platform/port.ts, agent/model and its siblings.
// Invariant: every run begins with a whole frame of the set asked for, whatever the program measured did to the one before.

import { closeSync } from 'node:fs';
import type { Family } from '../agent/model/address.js';
import { FairleadError } from '../agent/model/errors.js';
import type { BpfMap, BpfProgram, TestRun } from '../platform/port.js';
import { LAYOUTS } from './family.js';
import { openProgramById, runLiveFrames } from './kernel.js';
import type { Toolbox } from './toolbox.js';

/** Frames that the wrapper has room for. */
const MAX_FRAMES = 65536;
/** Bytes of struct bench_job. */
const JOB_BYTES = 32;

/** Nanoseconds. The kernel cuts the fraction off (bpf_test_timer_continue in net/bpf/test_run.c); its middle is the fair guess. */
const KERNEL_CUTS = 0.5;

export type Target = 'nothing' | 'measured';
const TARGET_INDEX: Readonly<Record<Target, number>> = { nothing: 0, measured: 1 };

/** A run of frames in the wrapper's map, taken in turn. */
export interface FrameRange {
  readonly first: number;
  readonly count: number;
}

/** `count` undefined: without an end. */
export interface Serials {
  readonly from: number;
  readonly count?: number;
}

export interface Job {
  readonly range: FrameRange;
  readonly target: Target;
  readonly runs: number;
  /** Serials of source addresses and ports that make every turn of the range's frames another flow's; undefined: frames go as they are. */
  readonly fresh: Serials | undefined;
}

export interface Sample {
  readonly verdict: TestRun['verdict'];
  /** The frame as the last run left it. */
  readonly packet: Buffer;
  /** Mean of one run, wrapper included, without the time that other processes took. */
  readonly nanoseconds: number;
}

function encodeIndex(index: number): Buffer {
  const key = Buffer.alloc(4);
  key.writeUInt32LE(index);
  return key;
}

export class Wrapper {
  readonly family: Family;
  readonly #program: BpfProgram;
  readonly #frameBytes: number;
  #frames = 0;

  private constructor(program: BpfProgram, family: Family) {
    this.family = family;
    this.#program = program;
    this.#frameBytes = LAYOUTS[family].bytes;
  }

  /** Compiles and loads the wrapper for frames of this family, with the do-nothing program as its other target. */
  static async load(toolbox: Toolbox, family: Family): Promise<Wrapper> {
    const { bytes, wordsFrom, sourceAt, addressBytes, tcpAt } = LAYOUTS[family];
    const program = await toolbox.load('wrapper.c', 'bench_wrapper', {
      BENCH_FRAME_BYTES: bytes,
      BENCH_WORDS_FROM: wordsFrom,
      BENCH_SOURCE_AT: sourceAt + addressBytes - 4,
      BENCH_SPORT_AT: tcpAt,
      BENCH_MAX_FRAMES: MAX_FRAMES,
    });
    const wrapper = new Wrapper(program, family);
    wrapper.#setTarget('nothing', toolbox.nothing);
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
    if (frames.some((frame) => frame.length !== this.#frameBytes)) throw new RangeError(`frames are not of ${this.#frameBytes} bytes each`);
    // Struct bench_frame is whole words.
    const padding = Buffer.alloc(-this.#frameBytes & 7);
    const values = Buffer.concat(frames.flatMap((frame) => [frame, padding]));
    const keys = Buffer.concat(frames.map((_, i) => encodeIndex(first + i)));
    await this.#map('bench_frames').updateMany(keys, values, frames.length);
    this.#frames += frames.length;
    return { first, count: frames.length };
  }

  run(job: Job): Sample {
    this.#setJob(job);
    const { verdict, packet, nanoseconds } = this.#program.testRun(Buffer.alloc(this.#frameBytes), { repeat: job.runs });
    return { verdict, packet, nanoseconds: nanoseconds + KERNEL_CUTS };
  }

  /** Sends real frames out by this device: the target's XDP_TX transmits. Returns nanoseconds a frame, when all were sent or dropped. */
  runLive(job: Job, ifindex: number): number {
    this.#setJob(job);
    return runLiveFrames(this.#program.id, Buffer.alloc(this.#frameBytes), ifindex, job.runs) + KERNEL_CUTS;
  }

  close(): void {
    this.#program.close();
  }

  #setJob({ range: { first, count }, target, fresh }: Job): void {
    const from = fresh?.from ?? 0;
    const end = fresh?.count === undefined ? 0xffffffff : from + fresh.count;
    const fields = [first, first + count, first, TARGET_INDEX[target], fresh === undefined ? 0 : 1, from, from, end];
    const value = Buffer.alloc(JOB_BYTES);
    for (const [i, field] of fields.entries()) value.writeUInt32LE(field, 4 * i);
    this.#map('bench_job').update(encodeIndex(0), value);
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
