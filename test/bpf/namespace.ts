// A network namespace without a name, in which packet tests ask the FIB: what the machine's own routes are must not matter.
// Imports koffi, node's own modules and the list of families.
// Invariant: the namespace lives as long as this process holds its descriptor, so nothing is left behind however the test ends.

import { execFileSync } from 'node:child_process';
import { openSync, writeFileSync } from 'node:fs';
import koffi from 'koffi';
import { FAMILIES_UNDER_TEST } from './under-test.js';

const CLONE_NEWNET = 0x40000000; // <linux/sched.h>

export interface Namespace {
  /**
   * Runs synchronous code with the main thread inside. What `action` starts asynchronously runs outside; child processes
   * that it starts run inside, as they are forked from this thread.
   */
  run<Result>(action: () => Result): Result;
}

/** Makes the namespace. Needs root. */
export function makeNamespace(): Namespace {
  const libc = koffi.load('libc.so.6');
  const setns = libc.func('int setns(int fd, int type)');
  const unshare = libc.func('int unshare(int flags)');
  const check = (status: number, what: string) => {
    if (status !== 0) throw new Error(`${what} failed with errno ${koffi.errno()}`);
  };
  const outside = openSync('/proc/thread-self/ns/net', 'r');
  check(unshare(CLONE_NEWNET), 'unshare');
  const inside = openSync('/proc/thread-self/ns/net', 'r');
  check(setns(outside, CLONE_NEWNET), 'setns');
  return {
    run(action) {
      check(setns(inside, CLONE_NEWNET), 'setns');
      try {
        return action();
      } finally {
        check(setns(outside, CLONE_NEWNET), 'setns');
      }
    },
  };
}

/** Whether the namespace's kernel forwards, and so answers questions to its FIB. To be called inside. */
export function setForwarding(on: boolean): void {
  for (const family of FAMILIES_UNDER_TEST) writeFileSync(`/proc/sys/net/ipv${family}/conf/all/forwarding`, on ? '1' : '0');
}

/** ip(8) inside the current namespace; its standard output. */
export function runIp(command: string): string {
  return execFileSync('ip', command.split(' '), { encoding: 'utf8' });
}
