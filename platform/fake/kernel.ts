// The fake kernel: what outlives a platform (a process), and what a test sets, breaks and looks at.
// May import platform/port, agent/model/errors and its siblings.
// Invariant: deterministic; nothing happens unless a test or a platform call makes it happen.
// A test double with limits: no bytecode runs (a program's answer is what `run` says), eviction is exact LRU where
// the real kernel's is approximate, there is no per-CPU list, no RCU, no BTF.

import { createHash } from 'node:crypto';
import { FairleadError } from '../../agent/model/errors.js';
import type { Capabilities, Clock, TestRun } from '../port.js';
import { FakeNet, type FakeNetOptions } from './net.js';
import { type FakeMapSpec, type KernelObject, type LinkObject, MapObject, type ProgramObject } from './objects.js';

export interface FakeRun {
  readonly verdict: TestRun['verdict'];
  readonly packet: Buffer;
  /** What the program puts into ring buffers, by the map's name; what does not fit is lost. */
  readonly records?: readonly { readonly map: string; readonly record: Buffer }[];
}

/** A program that "object files" contain. */
export interface FakeProgramSpec {
  readonly name: string;
  /** Names of the maps that it uses; default: all. */
  readonly maps?: readonly string[];
  /** Given: the verifier refuses the program; this is its log, the last line the reason. */
  readonly refused?: string;
  /** What a test run answers, and does to the program's maps; default: pass, packet unchanged. */
  readonly run?: (packet: Buffer, ingressIfindex: number, maps: ReadonlyMap<string, MapObject>) => FakeRun;
}

export interface FakeKernelOptions extends FakeNetOptions {
  /** Maps that every object file declares. */
  readonly maps?: readonly FakeMapSpec[];
  /** Programs that every object file contains; default: any name that is asked for. */
  readonly programs?: readonly FakeProgramSpec[];
  readonly capabilities?: Partial<Capabilities>;
  /** Possible CPUs; default 2. */
  readonly cpus?: number;
  /** Default 250. */
  readonly ticksPerSecond?: number;
}

/** One write that reached a map, in the order of writes. */
export interface JournalEntry {
  readonly map: string;
  readonly op: 'update' | 'delete' | 'set-inner';
  readonly key: Buffer;
  /** Of set-inner: the inner map's id as u32. */
  readonly value: Buffer | undefined;
}

export type FakeOperation = 'map-write' | 'load' | 'attach' | 'replace' | 'pin';

export class FakeKernel {
  readonly options: FakeKernelOptions;
  readonly net: FakeNet;
  readonly cpus: number;
  readonly ticksPerSecond: number;
  /** The data plane's time; a test sets it. */
  ticks = 1000;
  /** Of this boot; a test that lets the machine restart gives another. */
  bootIdentity = '00000000-0000-4000-8000-000000000001';
  /** Every write that was carried out; a test may empty it (`journal.length = 0`). */
  readonly journal: JournalEntry[] = [];
  /** Lock files: path to the pid that holds it. */
  readonly locks = new Map<string, number>();
  readonly pins = new Map<string, KernelObject>();
  readonly directories = new Set<string>(['/sys/fs/bpf']);
  readonly maps = new Map<number, MapObject>();
  readonly programs = new Map<number, ProgramObject>();
  readonly links = new Map<number, LinkObject>();
  readonly #faults: { operation: FakeOperation; countdown: number; error: Error }[] = [];
  #nextId = 1;
  #nextPid = 1000;

  constructor(options: FakeKernelOptions = {}) {
    this.options = options;
    this.net = new FakeNet(options);
    this.cpus = options.cpus ?? 2;
    this.ticksPerSecond = options.ticksPerSecond ?? 250;
  }

  /** What every platform on this machine reads: nanoseconds go with the ticks. */
  clock(): Clock {
    return {
      ticksPerSecond: this.ticksPerSecond,
      now: () => this.ticks,
      nanoseconds: () => (BigInt(this.ticks) * 1_000_000_000n) / BigInt(this.ticksPerSecond),
    };
  }

  /** Lets the data plane's time pass. */
  advance(seconds: number): void {
    this.ticks = (this.ticks + Math.round(seconds * this.ticksPerSecond)) >>> 0;
  }

  /** Makes the n-th operation of this kind from now fail (1: the next one). Nothing of it takes effect. */
  failOn(operation: FakeOperation, nth = 1, error: Error = new FairleadError('FL_E_MAP', `injected failure of ${operation}`)): void {
    this.#faults.push({ operation, countdown: nth, error });
  }

  /** For handles: throws the error that a test has ordered for this moment. */
  checkFault(operation: FakeOperation): void {
    for (const fault of this.#faults) if (fault.operation === operation) fault.countdown--;
    const due = this.#faults.findIndex((fault) => fault.operation === operation && fault.countdown === 0);
    if (due >= 0) throw this.#faults.splice(due, 1)[0]?.error;
  }

  addMap(spec: FakeMapSpec): MapObject {
    const map = new MapObject(this.#nextId++, spec, this.cpus);
    this.maps.set(map.id, map);
    return map;
  }

  addProgram(name: string, maps: readonly MapObject[]): ProgramObject {
    const program: ProgramObject = { kind: 'program', id: this.#nextId++, name, tag: tagOf(name), maps, handles: 0 };
    this.programs.set(program.id, program);
    return program;
  }

  addLink(program: ProgramObject, ifindex: number, mode: LinkObject['mode']): LinkObject {
    const link: LinkObject = { kind: 'link', id: this.#nextId++, ifindex, mode, program, handles: 0 };
    this.links.set(link.id, link);
    return link;
  }

  /** Somebody else's program on a device, as `ip link set dev X xdp obj ...` leaves it. Returns its id. */
  attachForeign(ifindex: number, name: string, mode: LinkObject['mode'] = 'native'): number {
    const program = this.addProgram(name, []);
    // The handle stands for the device's own reference: nothing of ours ends it.
    this.addLink(program, ifindex, mode).handles = 1;
    return program.id;
  }

  /** Takes a device away: its link stays, detached, with ifindex 0. */
  removeInterface(ifindex: number): void {
    for (const link of this.links.values()) if (link.ifindex === ifindex) link.ifindex = 0;
    this.net.removeInterface(ifindex);
  }

  newPid(): number {
    return this.#nextPid++;
  }

  /** Frees what nobody refers to any more: no handle, no pin, no link, no program, no outer map. */
  collect(): void {
    const pinned = new Set(this.pins.values());
    for (const link of this.links.values()) if (link.handles === 0 && !pinned.has(link)) this.links.delete(link.id);
    const attached = new Set([...this.links.values()].map((link) => link.program));
    for (const program of this.programs.values()) {
      if (program.handles === 0 && !pinned.has(program) && !attached.has(program)) this.programs.delete(program.id);
    }
    const used = new Set([...this.programs.values()].flatMap((program) => program.maps));
    const free = (map: MapObject): boolean => map.handles === 0 && !pinned.has(map) && !used.has(map);
    const inner = new Set<MapObject>();
    for (const map of this.maps.values()) {
      if (map.holdsMaps && !free(map)) for (const entry of map.entries.values()) if (entry.inner !== undefined) inner.add(entry.inner);
    }
    for (const map of this.maps.values()) if (free(map) && !inner.has(map)) this.maps.delete(map.id);
  }
}

function tagOf(name: string): string {
  return createHash('sha256').update(name).digest('hex').slice(0, 16);
}
