// The foreign functions of the C library that Node.js does not offer: sockets of other families, flock, mmap, mount, dup.
// May import koffi and agent/model/errors. Nothing is declared until loadLibc() is called, once a process.
// Invariant: functions return -1 on failure; lastErrno() read right after tells why.

import koffi from 'koffi';
import { FairleadError } from '../../agent/model/errors.js';

export interface Libc {
  close(fd: number): number;
  /** With F_DUPFD_CLOEXEC only: the third argument of the variadic original as an int. */
  fcntl(fd: number, command: number, argument: number): number;
  flock(fd: number, operation: number): number;
  /** The address, or (void *)-1. */
  mmap(address: null, length: number, protection: number, flags: number, fd: number, offset: number): unknown;
  munmap(address: unknown, length: number): number;
  mount(source: string, target: string, type: string, flags: number, data: string | null): number;
  socket(family: number, type: number, protocol: number): number;
  bind(fd: number, address: Buffer, length: number): number;
  connect(fd: number, address: Buffer, length: number): number;
  setsockopt(fd: number, level: number, option: number, value: Buffer, length: number): number;
  send(fd: number, data: Buffer, length: number, flags: number): number;
  sendto(fd: number, data: Buffer, length: number, flags: number, address: Buffer, addressLength: number): number;
  getsockname(fd: number, address: Buffer, length: Buffer): number;
  recv(fd: number, data: Buffer, length: number, flags: number): number;
  memcpy(target: Buffer, source: bigint, length: number): unknown;
  vsnprintf(target: Buffer, size: number, format: bigint, args: bigint): number;
}

const SIGNATURES: { readonly [Name in keyof Libc]: readonly [result: string, args: readonly string[]] } = {
  close: ['int', ['int']],
  fcntl: ['int', ['int', 'int', 'int']],
  flock: ['int', ['int', 'int']],
  mmap: ['void *', ['void *', 'size_t', 'int', 'int', 'int', 'int64_t']],
  munmap: ['int', ['void *', 'size_t']],
  mount: ['int', ['str', 'str', 'str', 'unsigned long', 'str']],
  socket: ['int', ['int', 'int', 'int']],
  bind: ['int', ['int', 'void *', 'uint32_t']],
  connect: ['int', ['int', 'void *', 'uint32_t']],
  setsockopt: ['int', ['int', 'int', 'int', 'void *', 'uint32_t']],
  send: ['intptr_t', ['int', 'void *', 'size_t', 'int']],
  sendto: ['intptr_t', ['int', 'void *', 'size_t', 'int', 'void *', 'uint32_t']],
  getsockname: ['int', ['int', 'void *', 'void *']],
  recv: ['intptr_t', ['int', 'void *', 'size_t', 'int']],
  memcpy: ['void *', ['void *', 'void *', 'size_t']],
  vsnprintf: ['int', ['void *', 'size_t', 'void *', 'void *']],
};

let loaded: Libc | undefined;

/** Declares the functions above, once. Throws FL_E_MISSING where there is no C library of that kind. */
export function loadLibc(): Libc {
  loaded ??= declareAll();
  return loaded;
}

function declareAll(): Libc {
  try {
    // The process has its C library already, glibc or musl: no file name is needed.
    const library = koffi.load(null);
    const calls = Object.entries(SIGNATURES).map(([name, [result, args]]) => [name, library.func(name, result, [...args])]);
    return Object.fromEntries(calls) as unknown as Libc;
  } catch (error) {
    throw new FairleadError('FL_E_MISSING', 'the C library of this process lacks a function that Fairlead needs', {
      hint: 'run Fairlead with a Node.js that is built for Linux',
      cause: error,
    });
  }
}

/** errno of the last foreign call that failed. */
export function lastErrno(): number {
  return koffi.errno();
}
