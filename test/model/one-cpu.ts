// Keeps this thread on one CPU while something runs: the data plane counts new flows for each CPU.
// Imports koffi. Invariant: the thread may run wherever it could before, afterwards.

import koffi from 'koffi';

const MASK_BYTES = 128; // sizeof(cpu_set_t)

export function onOneCpu<Result>(action: () => Result): Result {
  const libc = koffi.load('libc.so.6');
  const get = libc.func('int sched_getaffinity(int pid, size_t size, void *mask)');
  const set = libc.func('int sched_setaffinity(int pid, size_t size, void *mask)');
  const cpu = libc.func('int sched_getcpu()')() as number;
  const before = Buffer.alloc(MASK_BYTES);
  const one = Buffer.alloc(MASK_BYTES);
  one[cpu >> 3] = 1 << (cpu & 7);
  if (get(0, MASK_BYTES, before) !== 0 || set(0, MASK_BYTES, one) !== 0) throw new Error(`this thread cannot stay on CPU ${cpu}`);
  try {
    return action();
  } finally {
    set(0, MASK_BYTES, before);
  }
}
