// What one run of a program has in its memory: context, packet, stacks, maps and constants, and the pointers to them.
// Imports memory.ts and types.
// Invariant: what is over, a function's stack or a packet before its ends moved, may be accessed no more.

import type { MapObject } from '../../../platform/fake/objects.js';
import { Memory, type Region, type Word } from './memory.js';
import type { Frame, Profile } from './profile.js';

export const STACK_BYTES = 512;
/** Room before and behind a frame, as drivers leave it. */
const HEADROOM = 256;
const TAILROOM = 320;

/** A function's stack. */
export interface Stack {
  /** The pointer behind its last byte, as r10 has it. */
  readonly top: Word;
  /** Nobody may use what points there. */
  end(): void;
}

export class AddressSpace {
  readonly memory = new Memory();
  readonly context: Word;
  readonly #profile: Profile;
  readonly #ingressIfindex: number;
  /** In the context, by offset. */
  readonly #ends = new Map<number, Word>();
  readonly #pointers = new Map<string, Word>();
  readonly #maps = new Map<number, MapObject>();
  readonly #buffer: Buffer;
  #start = HEADROOM;
  #end: number;
  #packet: Region;

  constructor(profile: Profile, packet: Buffer, ingressIfindex: number) {
    this.#profile = profile;
    this.#ingressIfindex = ingressIfindex;
    this.#buffer = Buffer.alloc(HEADROOM + packet.length + TAILROOM);
    packet.copy(this.#buffer, HEADROOM);
    this.#end = HEADROOM + packet.length;
    const context = Buffer.alloc(profile.context.bytes);
    context.writeUInt32LE(ingressIfindex, profile.context.ingressIfindex);
    const pointers = { bytes: profile.context.pointerBytes, at: this.#ends };
    this.context = this.memory.add({ name: 'the context', bytes: context, writable: false, pointers });
    this.#packet = this.#place();
  }

  /** The packet as a region of its own, so that pointers to an earlier one are known as such. */
  #place(): Region {
    const pointer = this.memory.add({ name: 'the packet', bytes: this.#buffer, writable: true, low: this.#start, high: this.#end });
    this.#ends.set(this.#profile.context.data, this.memory.at(pointer, this.#start));
    this.#ends.set(this.#profile.context.dataEnd, this.memory.at(pointer, this.#end));
    return this.memory.region(pointer) as Region;
  }

  /** The frame as helpers see it. */
  frame(): Frame {
    const move = (start: number, end: number): void => {
      this.#packet.low = this.#packet.high;
      this.#start = start;
      this.#end = end;
      this.#packet = this.#place();
    };
    return { buffer: this.#buffer, start: this.#start, end: this.#end, ingressIfindex: this.#ingressIfindex, move };
  }

  /** A copy of the packet as it is now. */
  packet(): Buffer {
    return Buffer.from(this.#buffer.subarray(this.#start, this.#end));
  }

  /** A new function's. */
  stack(): Stack {
    const bytes = new Uint8Array(STACK_BYTES);
    const base = this.memory.add({ name: 'the stack', bytes, writable: true, defined: new Uint8Array(STACK_BYTES) });
    const region = this.memory.region(base) as Region;
    const end = (): void => {
      region.low = region.high;
    };
    return { top: this.memory.at(base, STACK_BYTES), end };
  }

  /** The same pointer each time. */
  pointerTo(map: MapObject): Word {
    return this.#once(`map ${map.id}`, () => {
      const pointer = this.memory.add({ name: `map ${map.spec.name}`, bytes: new Uint8Array(0), writable: false });
      this.#maps.set(pointer.hi, map);
      return pointer;
    });
  }

  /** The map that exactly this points to. */
  mapAt(pointer: Word): MapObject | undefined {
    const map = this.#maps.get(pointer.hi);
    return map !== undefined && this.pointerTo(map).lo === pointer.lo ? map : undefined;
  }

  /** A pointer into a section of constants. */
  constant(section: string, bytes: Buffer, offset: number): Word {
    return this.memory.at(
      this.#once(section, () => this.memory.add({ name: section, bytes, writable: false })),
      offset,
    );
  }

  #once(key: string, make: () => Word): Word {
    const there = this.#pointers.get(key);
    const pointer = there ?? make();
    if (there === undefined) this.#pointers.set(key, pointer);
    return pointer;
  }
}
