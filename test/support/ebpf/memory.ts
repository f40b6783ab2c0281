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

  /** The region and the offset of an access. Throws Fault outside the region's bounds. */
  #locate(lo: number, hi: number, size: number, verb: 'read' | 'write'): [Region, number] {
    const region = this.#regions[hi - TAG];
    if (region === undefined) throw new Fault(`${verb} of ${size} bytes at ${hex({ lo, hi })}, which is no pointer`);
    const at = (lo - ORIGIN) | 0;
    if (at < region.low || at + size > region.high) {
      const bounds = region.low === region.high ? 'nothing of which may be accessed' : `which reaches from ${region.low} to ${region.high}`;
      throw new Fault(`${verb} of ${size} bytes at offset ${at} of ${region.name}, ${bounds}`);
    }
    if (verb === 'write' && !region.writable)
      throw new Fault(`write of ${size} bytes at offset ${at} of ${region.name}, which is read-only`);
    return [region, at];
  }

  /** Up to 4 bytes, unsigned as a signed 32-bit integer has them. */
  load(lo: number, hi: number, size: 1 | 2 | 4): number {
    const [region, at] = this.#locate(lo, hi, size, 'read');
    if (region.defined !== undefined) requireDefined(region, at, size);
    if (region.pointers !== undefined) refusePointers(region, at, size);
    const { bytes } = region;
    if (size === 1) return bytes[at] as number;
    const half = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
    return size === 2 ? half : half | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24);
  }

  /** The pointer that a load of so many bytes gives here; undefined: here stands none. */
  loadPointer(lo: number, hi: number, size: number): Word | undefined {
    const pointers = this.#regions[hi - TAG]?.pointers;
    return pointers?.bytes === size ? pointers.at.get((lo - ORIGIN) | 0) : undefined;
  }

  /** The lowest bytes of `value`. */
  store(lo: number, hi: number, size: 1 | 2 | 4, value: number): void {
    const [region, at] = this.#locate(lo, hi, size, 'write');
    for (let i = 0; i < size; i++) region.bytes[at + i] = value >> (8 * i);
    region.defined?.fill(1, at, at + size);
  }

  /** A copy of so many bytes. */
  read({ lo, hi }: Word, size: number): Buffer {
    const [region, at] = this.#locate(lo, hi, size, 'read');
    if (region.defined !== undefined) requireDefined(region, at, size);
    if (region.pointers !== undefined) refusePointers(region, at, size);
    return Buffer.from(region.bytes.subarray(at, at + size));
  }

  write({ lo, hi }: Word, content: Uint8Array): void {
    const [region, at] = this.#locate(lo, hi, content.length, 'write');
    region.bytes.set(content, at);
    region.defined?.fill(1, at, at + content.length);
  }
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
