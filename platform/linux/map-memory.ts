// An array map as memory of this process: reading 262,144 entries so takes milliseconds, where the kernel's batch calls take a third of a second.
// What is written to it is in the map at once.
// May import koffi, agent/model/errors and its siblings.
// Invariant: nobody outside gets the memory itself, only copies; it is given back once, and not touched after that.

import koffi from 'koffi';
import { lastErrno, loadLibc } from './libc.js';

export const BPF_F_MMAPABLE = 1024; // linux/bpf.h
const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const PAGE = 4096;
const FAILED = 0xffff_ffff_ffff_ffffn;

export class MapMemory {
  readonly #address: unknown;
  readonly #mapped: number;
  #memory: Buffer | undefined;

  private constructor(address: unknown, bytes: number, mapped: number) {
    this.#address = address;
    this.#mapped = mapped;
    this.#memory = Buffer.from(koffi.view(address, bytes));
  }

  /** Of an array made with BPF_F_MMAPABLE; undefined where the kernel refuses (its errno: lastErrno()). `bytes`: of all values, each rounded up to 8. */
  static open(fd: number, bytes: number): MapMemory | undefined {
    const mapped = Math.ceil(bytes / PAGE) * PAGE;
    const address = loadLibc().mmap(null, mapped, PROT_READ_WRITE, MAP_SHARED, fd, 0);
    if (address === null || koffi.address(address) === FAILED) {
      lastErrno();
      return undefined;
    }
    return new MapMemory(address, bytes, mapped);
  }

  /** Copies the values from entry `first` on into `target`. Values are `stride` bytes apart and `size` long. */
  copy(first: number, count: number, stride: number, size: number, target: Buffer): void {
    const memory = this.#held();
    if (stride === size) memory.copy(target, 0, first * stride, (first + count) * stride);
    else for (let i = 0; i < count; i++) memory.copy(target, i * size, (first + i) * stride, (first + i) * stride + size);
  }

  /** Puts a value at byte `offset`. */
  write(offset: number, value: Buffer): void {
    value.copy(this.#held(), offset);
  }

  #held(): Buffer {
    if (this.#memory === undefined) throw new RangeError('the memory of a map was used after it was given back');
    return this.#memory;
  }

  close(): void {
    if (this.#memory === undefined) return;
    this.#memory = undefined;
    loadLibc().munmap(this.#address, this.#mapped);
  }
}
