// What differs between the systems that run BPF programs, as the interpreter and the profile check need it.
// Imports types alone. Profiles: linux.ts, windows.ts.

import type { MapObject } from '../../../platform/fake/objects.js';
import type { MapType, TestRun } from '../../../platform/port.js';
import type { Word } from './memory.js';

/** What a helper sees of the program that calls it. Arguments are numbered from 1. Reads and writes of memory are checked as the program's own. */
export interface Caller {
  argument(n: number): Word;
  /** The argument's lowest 32 bits, with their sign. */
  number(n: number): number;
  /** Throws Fault when the argument points to no map. */
  map(n: number): MapObject;
  /** So many bytes from where the argument points, a copy. */
  read(n: number, bytes: number): Buffer;
  write(n: number, content: Uint8Array): void;
  /** Makes memory known to the program; a pointer to it. */
  expose(name: string, bytes: Uint8Array): Word;
  /** A pointer to a map, for the program to look up in. */
  exposeMap(map: MapObject): Word;
  /** Throws Fault when the argument is not the program's context. */
  context(n: number): Frame;
}

/** The frame in the device's buffer. */
export interface Frame {
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
  readonly ingressIfindex: number;
  /** Moves its ends, within the buffer. Pointers that the program has to it hold no more. */
  move(start: number, end: number): void;
}

/** What it returns: a number of up to 53 bits with its sign, or any word. */
export type Answer = number | bigint | Word;

export interface Helper {
  readonly name: string;
  /** How many registers it reads. */
  readonly arguments: number;
  call(caller: Caller): Answer;
}

/** Where the program's context has what; offsets in bytes. */
export interface ContextLayout {
  readonly bytes: number;
  /** Bytes of a load that gives a pointer. */
  readonly pointerBytes: 4 | 8;
  readonly data: number;
  readonly dataEnd: number;
  readonly ingressIfindex: number;
}

export interface Profile {
  readonly name: string;
  readonly flavour: 'linux' | 'windows';
  readonly mapTypes: Readonly<Record<number, MapType>>;
  readonly helpers: ReadonlyMap<number, Helper>;
  readonly context: ContextLayout;
  verdict(result: number): TestRun['verdict'];
}

/** The machine around the program. */
export interface Surroundings {
  /** The data plane's clock: ticks modulo 2^32, and nanoseconds. */
  now(): number;
  nanoseconds(): bigint;
}
