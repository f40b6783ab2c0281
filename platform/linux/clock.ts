// The data plane's clock: fl_now() is the low 32 bits of jiffies, read here through a program of two instructions.
// May import node:timers/promises, platform/port, agent/model/errors and its siblings.
// Invariant: it reads what the data plane reads, so no conversion from another clock can drift.

import { setTimeout as sleep } from 'node:timers/promises';
import { FairleadError } from '../../agent/model/errors.js';
import type { Clock } from '../port.js';
import { Descriptor } from '../shared/descriptor.js';
import type { Context } from './context.js';
import { systemError } from './errno.js';
import { call, EXIT, loadInstructions } from './instructions.js';
import { runProgram } from '../shared/test-run.js';

const JIFFIES64 = 118; // bpf_jiffies64(), since Linux 5.5
/** Rates that a kernel can be built with on our architectures (CONFIG_HZ). */
const RATES = [100, 250, 300, 1000];
const CACHE_MILLISECONDS = 1;

/**
 * Loads the program and measures the rate, in about 60 ms. Throws FL_E_LOAD, FL_E_PERMISSION, FL_E_SYSTEM.
 * process.hrtime is CLOCK_MONOTONIC, as bpf_ktime_get_ns() is.
 */
export async function createClock(context: Context): Promise<Clock> {
  const read = jiffiesReader(context);
  return { ticksPerSecond: await measureRate(read), now: cached(read), nanoseconds: process.hrtime.bigint };
}

function jiffiesReader(context: Context): () => number {
  const fd = loadInstructions(context, 'fl_clock', [call(JIFFIES64), EXIT]);
  if (fd < 0)
    throw systemError(
      'FL_E_LOAD',
      'cannot load the program that reads the clock (helper bpf_jiffies64)',
      fd,
      'Linux 5.5 or later is needed',
    );
  const program = new Descriptor(context, fd, 'the clock program');
  const packet = Buffer.alloc(64);
  const output = Buffer.alloc(64);
  return () => {
    const run = runProgram(context.bpf, program.fd, packet, output);
    if (run.result < 0) throw systemError('FL_E_SYSTEM', 'cannot read the clock of the data plane', run.result);
    return run.returned;
  };
}

/** Ticks between two edges of the clock, beside the time of process.hrtime. A busy machine can blur one measurement: up to five. */
async function measureRate(read: () => number): Promise<number> {
  let measured = 0;
  for (let attempt = 0; attempt < 5; attempt++) {
    const begin = findEdge(read);
    await sleep(50);
    const end = findEdge(read);
    measured = (((end.ticks - begin.ticks) >>> 0) * 1e9) / Number(end.time - begin.time);
    const rate = RATES.find((candidate) => Math.abs(measured / candidate - 1) < 0.05);
    if (rate !== undefined) return rate;
  }
  throw new FairleadError(
    'FL_E_SYSTEM',
    `the clock of the data plane runs at ${measured.toFixed(1)} ticks a second, none of ${RATES.join(', ')}`,
    {
      hint: 'start again when the machine is less busy',
    },
  );
}

/** Waits, busy, for the moment when the clock steps: 10 ms at most, unless it stands still. */
function findEdge(read: () => number): { ticks: number; time: bigint } {
  const first = read();
  const limit = process.hrtime.bigint() + 1_000_000_000n;
  for (;;) {
    const ticks = read();
    const time = process.hrtime.bigint();
    if (ticks !== first) return { ticks, time };
    if (time > limit) throw new FairleadError('FL_E_SYSTEM', `the clock of the data plane stands still at ${ticks}`);
  }
}

/** A read costs some microseconds; within a millisecond the last one serves. */
function cached(read: () => number): () => number {
  let value = 0;
  let until = Number.NEGATIVE_INFINITY;
  return () => {
    const time = performance.now();
    if (time < until) return value;
    value = read();
    until = time + CACHE_MILLISECONDS;
    return value;
  };
}
