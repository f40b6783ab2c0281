// The data plane's clock: its helpers read the interrupt time without the time that the machine slept, and so does this.
// May import platform/port and its siblings.

import type { Clock } from '../port.js';
import { loadKernel32 } from './kernel32.js';

const HUNDREDS_A_MILLISECOND = 10_000n;

/** Units of 100 ns. */
function interruptTime(): bigint {
  const time = Buffer.alloc(8);
  loadKernel32().QueryUnbiasedInterruptTime(time);
  return time.readBigUInt64LE();
}

export const CLOCK: Clock = {
  ticksPerSecond: 1000,
  now: () => Number((interruptTime() / HUNDREDS_A_MILLISECOND) & 0xffff_ffffn),
  nanoseconds: () => interruptTime() * 100n,
};
