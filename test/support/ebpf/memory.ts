// What a program under the interpreter may touch: regions, each behind pointers of its own, and every access checked against its bounds.
// Imports nothing.
// A pointer is 64 bits: the upper half names the region, the lower the offset in it, counted from ORIGIN. Arithmetic on it is plain arithmetic, so
// differences and comparisons within a region hold, and a pointer led out of its region is still known for what it was.
// A number that happens to look like a pointer would pass for one: 1 in 2^32 for a random one, and no program here makes them up.

/** The upper half of a pointer to region 0. */
const TAG = 0x5eed0000;
/** The lower half of a pointer to offset 0: room on both sides, so that going astray does not reach the upper half. */
const ORIGIN = 0x40000000;

/** A program did what it may not. Its text says what; the interpreter adds where. */
export class Fault extends Error {}

/** The two halves of a 64-bit register, each as a signed 32-bit integer. */
export interface Word {
  readonly lo: number;
  readonly hi: number;
}

export interface Region {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Offsets that may be accessed: from `low`, before `high`. */
  low: number;
  high: number;
  readonly writable: boolean;
  /** Of memory that begins undefined: which bytes have been written. */
  readonly defined?: Uint8Array;
  /** Pointers in it: what a load of exactly this many bytes at this offset gives; they are not in `bytes`. */
  readonly pointers?: { readonly bytes: number; readonly at: ReadonlyMap<number, Word> };
}

export class Memory {
  readonly #regions: Region[] = [];
  /** Offset of the access that was located last. */
  #at = 0;

  /** Adds a region; all of it may be accessed unless low and high say otherwise. Returns a pointer to its beginning (offset 0). */
  add(region: Omit<Region, 'low' | 'high'> & Partial<Pick<Region, 'low' | 'high'>>): Word {
    this.#regions.push({ low: 0, high: region.bytes.length, ...region });
    return this.pointer(this.#regions.length - 1, 0);
  }

  /** A pointer to an offset in the region that `base` points into. */
  at(base: Word, offset: number): Word {
    return this.pointer(base.hi - TAG, offset);
  }

  private pointer(region: number, offset: number): Word {
    return { hi: TAG + region, lo: ORIGIN + offset };
  }

  /** The region that a pointer points into; undefined for other numbers. */
  region({ hi }: Word): Region | undefined {
    return this.#regions[hi - TAG];
  }

  /** The region of an access, whose offset is then in #at. Throws Fault outside the region's bounds. */
  #locate(lo: number, hi: number, size: number, verb: 'read' | 'write'): Region {
    const region = this.#regions[hi - TAG];
    if (region === undefined) throw new Fault(`${verb} of ${size} bytes at ${hex({ lo, hi })}, which is no pointer`);
    const at = (lo - ORIGIN) | 0;
    if (at < region.low || at + size > region.high) {
      const bounds = region.low === region.high ? 'nothing of which may be accessed' : `which reaches from ${region.low} to ${region.high}`;
      throw new Fault(`${verb} of ${size} bytes at offset ${at} of ${region.name}, ${bounds}`);
    }
    this.#at = at;
    return region;
  }

  #readable(lo: number, hi: number, size: number): Region {
    const region = this.#locate(lo, hi, size, 'read');
    if (region.defined !== undefined) requireDefined(region, this.#at, size);
    if (region.pointers !== undefined) refusePointers(region, this.#at, size);
    return region;
  }

  #writable(lo: number, hi: number, size: number): Region {
    const region = this.#locate(lo, hi, size, 'write');
    if (!region.writable) throw new Fault(`write of ${size} bytes at offset ${this.#at} of ${region.name}, which is read-only`);
    region.defined?.fill(1, this.#at, this.#at + size);
    return region;
  }

  /** Up to 4 bytes, zero-extended, as a signed 32-bit integer. */
  load(lo: number, hi: number, size: 1 | 2 | 4): number {
    const { bytes } = this.#readable(lo, hi, size);
    const at = this.#at;
    if (size === 1) return bytes[at] as number;
    return size === 2 ? (bytes[at] as number) | ((bytes[at + 1] as number) << 8) : word(bytes, at);
  }

  load64(lo: number, hi: number): Word {
    const { bytes } = this.#readable(lo, hi, 8);
    return { lo: word(bytes, this.#at), hi: word(bytes, this.#at + 4) };
  }

  /** The pointer that a load of so many bytes gives here; undefined: here stands none. */
  loadPointer(lo: number, hi: number, size: number): Word | undefined {
    const pointers = this.#regions[hi - TAG]?.pointers;
    return pointers?.bytes === size ? pointers.at.get((lo - ORIGIN) | 0) : undefined;
  }

  /** The lowest bytes of `value`. */
  store(lo: number, hi: number, size: 1 | 2 | 4, value: number): void {
    const { bytes } = this.#writable(lo, hi, size);
    for (let i = 0; i < size; i++) bytes[this.#at + i] = value >> (8 * i);
  }

  store64(lo: number, hi: number, value: Word): void {
    const { bytes } = this.#writable(lo, hi, 8);
    for (let i = 0; i < 4; i++) {
      bytes[this.#at + i] = value.lo >> (8 * i);
      bytes[this.#at + 4 + i] = value.hi >> (8 * i);
    }
  }

  /** A copy of so many bytes. */
  read({ lo, hi }: Word, size: number): Buffer {
    const { bytes } = this.#readable(lo, hi, size);
    return Buffer.from(bytes.subarray(this.#at, this.#at + size));
  }

  write({ lo, hi }: Word, content: Uint8Array): void {
    this.#writable(lo, hi, content.length).bytes.set(content, this.#at);
  }
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24);
}

function requireDefined({ name, defined }: Region, at: number, size: number): void {
  for (let i = at; i < at + size; i++)
    if (defined?.[i] === 0) throw new Fault(`read of ${size} bytes at offset ${at} of ${name}, of which byte ${i} was never written`);
}

function refusePointers({ name, pointers }: Region, at: number, size: number): void {
  const bytes = pointers?.bytes ?? 0;
  for (const start of pointers?.at.keys() ?? [])
    if (at < start + bytes && at + size > start)
      throw new Fault(`read of ${size} bytes at offset ${at} of ${name}: that is part of a pointer`);
}

/** '0x' and 16 digits. */
export function hex({ lo, hi }: Word): string {
  return `0x${[hi, lo].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('')}`;
}
