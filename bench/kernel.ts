// The kernel calls that the benchmark needs and platform/port.ts has no use for.
// Imports koffi and agent/model/errors.ts.
// Invariant: nothing is loaded before it is called for; a file descriptor handed out is the caller's to close.

import { closeSync, readFileSync } from 'node:fs';
import { getSystemErrorName } from 'node:util';
import koffi from 'koffi';
import { FairleadError } from '../agent/model/errors.js';

const CLONE_NEWNET = 0x40000000; // linux/sched.h
const BPF_XDP = 37; // enum bpf_attach_type of linux/bpf.h
const XDP_FLAGS_DRV_MODE = 4; // linux/if_link.h
const BPF_F_TEST_XDP_LIVE_FRAMES = 2;
/** Frames that the kernel sends before it lets the receiver run; a veth end queues 256. */
const BATCH = 64;

const LIBRARIES = { 'libc.so.6': 'libc6', 'libbpf.so.1': 'libbpf1' } as const;

/** Declares one function of a library. Throws FL_E_MISSING when the library is not installed. */
function declare(library: keyof typeof LIBRARIES, signature: string): (...args: unknown[]) => number {
  try {
    return koffi.load(library).func(signature);
  } catch (cause) {
    throw new FairleadError('FL_E_MISSING', `${library} cannot be loaded`, { hint: `apt-get install ${LIBRARIES[library]}`, cause });
  }
}

function throwErrno(what: string, errno: number): never {
  const permission = errno === koffi.os.errno.EPERM;
  throw new FairleadError(permission ? 'FL_E_PERMISSION' : 'FL_E_SYSTEM', `${what}: ${getSystemErrorName(-errno)}`, {
    errno,
    ...(permission ? { hint: 'run it as root' } : {}),
  });
}

/**
 * Moves this thread into an empty network namespace, which ends with the process: the program measured then finds no route
 * and no neighbour of this machine, so its next hops stay as the benchmark wrote them. Call it before anything else.
 */
export function enterEmptyNetwork(): void {
  const unshare = declare('libc.so.6', 'int unshare(int)');
  if (unshare(CLONE_NEWNET) !== 0) throwErrno('a network namespace cannot be made', koffi.errno());
}

/** Keeps this thread, and the kernel's work on the frames that it sends, on one CPU: the first that it may run on. */
export function stayOnOneCpu(): void {
  const mask = Buffer.alloc(128);
  const get = declare('libc.so.6', 'int sched_getaffinity(int, size_t, void *)');
  const set = declare('libc.so.6', 'int sched_setaffinity(int, size_t, void *)');
  if (get(0, mask.length, mask) < 0) throwErrno('the CPUs of this thread cannot be read', koffi.errno());
  const byte = mask.findIndex((bits) => bits !== 0);
  const lowest = (mask[byte] ?? 0) & -(mask[byte] ?? 0);
  mask.fill(0);
  mask[byte] = lowest;
  if (set(0, mask.length, mask) !== 0) throwErrno('this thread cannot be kept on one CPU', koffi.errno());
}

/** A file descriptor of the loaded program with this id; the caller closes it. */
export function openProgramById(id: number): number {
  const fd = declare('libbpf.so.1', 'int bpf_prog_get_fd_by_id(uint32_t)')(id);
  if (fd < 0) throwErrno(`program ${id} cannot be opened`, -fd);
  return fd;
}

function withProgram<Result>(id: number, use: (fd: number) => Result): Result {
  const fd = openProgramById(id);
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

/** Attaches in native mode for as long as the descriptor that is returned stays open, or the process lives. */
export function attachProgram(programId: number, ifindex: number): number {
  const opts = Buffer.alloc(64); // struct bpf_link_create_opts
  opts.writeBigUInt64LE(64n, 0);
  opts.writeUInt32LE(XDP_FLAGS_DRV_MODE, 8);
  const create = declare('libbpf.so.1', 'int bpf_link_create(int, int, int, void *)');
  const link = withProgram(programId, (fd) => create(fd, ifindex, BPF_XDP, opts));
  if (link < 0) throwErrno(`program ${programId} cannot be attached to device ${ifindex}`, -link);
  return link;
}

/** Puts another program in the place of the one attached. */
export function replaceProgram(link: number, programId: number): void {
  const update = declare('libbpf.so.1', 'int bpf_link_update(int, int, void *)');
  const result = withProgram(programId, (fd) => update(link, fd, null));
  if (result < 0) throwErrno(`program ${programId} cannot be attached in the place of another`, -result);
}

/**
 * Runs a program `repeat` times on frames that seem to come in by the device; what it answers by XDP_TX is sent out there.
 * Returns the mean time of a frame in nanoseconds: with what the receiver did meanwhile, without the call's preparation (20 ms).
 */
export function runLiveFrames(programId: number, frame: Buffer, ifindex: number, repeat: number): number {
  const metadata = Buffer.alloc(24); // struct xdp_md
  metadata.writeUInt32LE(frame.length, 4);
  metadata.writeUInt32LE(ifindex, 12);
  const opts = Buffer.alloc(80); // struct bpf_test_run_opts
  opts.writeBigUInt64LE(80n, 0);
  opts.writeBigUInt64LE(koffi.address(frame), 8);
  opts.writeUInt32LE(frame.length, 24);
  opts.writeBigUInt64LE(koffi.address(metadata), 32);
  opts.writeUInt32LE(metadata.length, 48);
  opts.writeUInt32LE(repeat, 60);
  opts.writeUInt32LE(BPF_F_TEST_XDP_LIVE_FRAMES, 68);
  opts.writeUInt32LE(BATCH, 76);
  const run = declare('libbpf.so.1', 'int bpf_prog_test_run_opts(int, void *)');
  const result = withProgram(programId, (fd) => run(fd, opts));
  if (result < 0) throwErrno(`frames cannot be sent by device ${ifindex}`, -result);
  return opts.readUInt32LE(64);
}

/** Memory that the kernel counts for the map with this id, in bytes. */
export function readMapBytes(id: number): number {
  const fd = declare('libbpf.so.1', 'int bpf_map_get_fd_by_id(uint32_t)')(id);
  if (fd < 0) throwErrno(`map ${id} cannot be opened`, -fd);
  try {
    return Number(/^memlock:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1] ?? 0);
  } finally {
    closeSync(fd);
  }
}
