// eBPF for Windows as the double has it: what lives in the system, whatever process asks. Maps obey platform/fake's rules, programs run in the interpreter.
// Imports platform/fake, test/support/ebpf and its siblings.
// A test double with limits: PREVAIL does not run (a program is refused when the test says so), a .sys is an ELF object by another name, there is one CPU,
// LRU maps evict exactly, and time is CLOCK_MONOTONIC, which Wine's QueryUnbiasedInterruptTime tells as well. What the real one answers is taken from its sources (libs/api_common, execution_context).
// Invariant: an object lives while a handle, a pin, an attachment that lasts, a program or an outer map refers to it.

import { FakeKernel } from '../../../platform/fake/index.js';
import type { FakeMapSpec, MapObject, ProgramObject } from '../../../platform/fake/objects.js';
import type { MapType } from '../../../platform/port.js';
import type { DeclaredMap } from '../ebpf/btf.js';
import { Machine, type Run } from '../ebpf/machine.js';
import { type BpfObject, type CodeFunction, programsOf, readObject } from '../ebpf/object.js';
import type { Profile } from '../ebpf/profile.js';
import { windowsProfile } from '../ebpf/windows.js';

/** errno of Windows' C library. */
export const WIN_ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  EBADF: 9,
  ENOMEM: 12,
  EACCES: 13,
  EEXIST: 17,
  EINVAL: 22,
  ENOSPC: 28,
  ENOTSUP: 129,
  /** Of every result that the library's table has no line for: EBPF_KEY_ALREADY_EXISTS, EBPF_FAILED, EBPF_PROGRAM_LOAD_FAILED. */
  EOTHER: 131,
} as const;

/** A call's failure, with the errno that the library sets. */
export class Refusal extends Error {
  readonly errno: number;

  constructor(errno: keyof typeof WIN_ERRNO) {
    super(errno);
    this.errno = WIN_ERRNO[errno];
  }
}

export interface EfwOptions {
  /** 'refuses', as XDP for Windows up to 1.4, is the default. */
  readonly adjustHead?: 'works' | 'refuses';
  /** As official installations are: object files do not load. */
  readonly nativeOnly?: boolean;
  /** Programs that the verifier refuses, with its report. */
  readonly refused?: ReadonlyMap<string, string>;
  /** Whether there is such a device. */
  readonly hasInterface?: (ifindex: number) => boolean;
}

export interface EfwProgram {
  readonly kind: 'program';
  readonly object: ProgramObject;
  readonly code: Machine;
  readonly entry: CodeFunction;
  readonly maps: ReadonlyMap<string, MapObject>;
}

/** A file that a process has opened. */
export interface OpenObject {
  readonly path: string;
  readonly pinRoot: string;
  readonly content: BpfObject;
  readonly programs: readonly CodeFunction[];
}

export type EfwObject = MapObject | EfwProgram | EfwLink;

export class EfwLink {
  readonly kind = 'link';
  readonly id: number;
  readonly program: EfwProgram;
  /** The device that it is, or was, on. */
  readonly device: number;
  /** 0: detached. */
  ifindex: number;
  handles = 0;
  /** Attached until somebody detaches it, whether anything refers to it or not: bpf_link__disconnect(). */
  lasts = false;

  constructor(id: number, program: EfwProgram, ifindex: number) {
    this.id = id;
    this.program = program;
    this.device = ifindex;
    this.ifindex = ifindex;
  }
}

export class EfwKernel {
  readonly options: EfwOptions;
  readonly memory = new FakeKernel({ cpus: 1, ticksPerSecond: 1000 });
  readonly profile: Profile;
  readonly links = new Map<number, EfwLink>();
  readonly programs = new Map<number, EfwProgram>();
  /** By path without the root, '/' between its parts. */
  readonly pins = new Map<string, EfwObject>();
  readonly #faults: { call: string; countdown: number; errno: keyof typeof WIN_ERRNO }[] = [];

  constructor(options: EfwOptions = {}) {
    this.options = options;
    this.profile = windowsProfile({
      now: () => Number(process.hrtime.bigint() / 1_000_000n),
      nanoseconds: () => process.hrtime.bigint(),
      adjustHead: options.adjustHead ?? 'refuses',
    });
  }

  /** Makes the n-th call of this name from now (names as in process.ts, and attach_after_detach within a replacement) fail with this errno, once. Nothing of it takes effect. */
  failOn(call: string, nth: number, errno: keyof typeof WIN_ERRNO): void {
    this.#faults.push({ call, countdown: nth, errno });
  }

  /** Throws the refusal that a test has ordered for this call. */
  checkFault(call: string): void {
    for (const fault of this.#faults) if (fault.call === call) fault.countdown--;
    const due = this.#faults.findIndex((fault) => fault.call === call && fault.countdown === 0);
    const [fault] = due < 0 ? [] : this.#faults.splice(due, 1);
    if (fault !== undefined) throw new Refusal(fault.errno);
  }

  openObject(path: string, pinRoot: string): OpenObject {
    try {
      const content = readObject(unixPath(path));
      return { path, pinRoot: pinRoot || '/ebpf/global', content, programs: programsOf(content) };
    } catch (error) {
      throw new Refusal((error as { code?: string }).code === 'ENOENT' ? 'ENOENT' : 'EOTHER');
    }
  }

  /** The report on the first of these programs that is refused. */
  reportOn(programs: readonly CodeFunction[]): string | undefined {
    return programs.map(({ name }) => this.options.refused?.get(name)).find((report) => report !== undefined);
  }

  /** Makes the object's maps, or takes those that are pinned by their name, and its programs. */
  load(opened: OpenObject, wanted: readonly CodeFunction[]): { maps: MapObject[]; programs: EfwProgram[] } {
    const driver = /\.sys$/i.test(opened.path);
    if (this.options.nativeOnly === true && !driver) throw new Refusal('ENOTSUP');
    if (this.reportOn(wanted) !== undefined) throw new Refusal('EACCES');
    const maps = opened.content.maps.map((declared) => this.#mapFor(declared, opened.pinRoot));
    const byName = new Map(opened.content.maps.map(({ name }, index) => [name, maps[index] as MapObject]));
    const code = new Machine(opened.content, this.profile);
    const programs = wanted.map((entry) => {
      const used = mapsUsedBy(opened.content, entry).flatMap((name) => byName.get(name) ?? []);
      const program: EfwProgram = { kind: 'program', object: this.memory.addProgram(entry.name, used), code, entry, maps: byName };
      this.programs.set(program.object.id, program);
      return program;
    });
    return { maps, programs };
  }

  #mapFor(declared: DeclaredMap, pinRoot: string): MapObject {
    const path = pinName(`${pinRoot}/${declared.name}`);
    const spec = mapSpec(declared, this.profile);
    const there = declared.pinned ? this.pins.get(path) : undefined;
    if (there !== undefined) {
      if (!isMap(there) || !sameShape(there.spec, spec)) throw new Refusal('EINVAL');
      return there;
    }
    const map = this.memory.addMap(spec);
    if (declared.pinned) this.pins.set(path, map);
    return map;
  }

  /** The type with this number. Refused: one that eBPF for Windows, or the double, has not. */
  mapType(number: number): MapType {
    return typeOf(number, this.profile);
  }

  mapTypeNumber(type: MapType): number {
    return Number(Object.entries(this.profile.mapTypes).find(([, name]) => name === type)?.[0] ?? 0);
  }

  linkOn(ifindex: number): EfwLink | undefined {
    return [...this.links.values()].find((link) => link.ifindex === ifindex);
  }

  /** `replace`: what is attached is detached first, and stays so when attaching fails. */
  attach(program: EfwProgram, ifindex: number, replace: boolean): EfwLink {
    if (ifindex === 0 || this.options.hasInterface?.(ifindex) === false) throw new Refusal('EINVAL');
    const there = this.linkOn(ifindex);
    // The extension refuses the client, of which the library knows no more than that it failed (EBPF_EXTENSION_FAILED_TO_LOAD).
    if (there !== undefined && !replace) throw new Refusal('EINVAL');
    if (there !== undefined) this.detach(there);
    this.checkFault('attach_after_detach');
    const link = new EfwLink(this.memory.addLink(program.object, ifindex, 'native').id, program, ifindex);
    this.links.set(link.id, link);
    return link;
  }

  /** Somebody else's program on a device: a program of an object file, with maps that are pinned nowhere. Returns its id. */
  attachForeign(ifindex: number, objectFile: string, program: string): number {
    const opened = this.openObject(objectFile, '/ebpf/global/foreign');
    const { programs } = this.load(
      opened,
      opened.programs.filter(({ name }) => name === program),
    );
    for (const path of [...this.pins.keys()]) if (path.startsWith('foreign/')) this.pins.delete(path);
    const link = this.attach(programs[0] as EfwProgram, ifindex, false);
    link.lasts = true;
    return link.program.object.id;
  }

  detach(link: EfwLink): void {
    link.ifindex = 0;
    this.collect();
  }

  /** What a packet (Ethernet frame) that comes in by the device meets: the program attached there. For tests: packets that nobody sent. */
  receive(ifindex: number, packet: Buffer): { verdict: string; packet: Buffer } {
    const link = this.linkOn(ifindex);
    if (link === undefined) return { verdict: 'pass', packet };
    const ran = this.run(link.program, packet, ifindex);
    return { verdict: this.profile.verdict(ran.result), packet: ran.packet };
  }

  /** Throws Fault when the program does what no verifier lets pass. */
  run({ code, entry, maps }: EfwProgram, packet: Buffer, ingressIfindex: number): Run {
    return code.run({ packet: Buffer.from(packet), ingressIfindex, entry: entry.start, maps });
  }

  /** Frees what nobody refers to any more. */
  collect(): void {
    const pinned = new Set(this.pins.values());
    for (const link of this.links.values()) {
      if (link.handles > 0 || pinned.has(link) || (link.lasts && link.ifindex !== 0)) continue;
      link.ifindex = 0;
      this.links.delete(link.id);
      this.memory.links.delete(link.id);
    }
    const attached = new Set([...this.links.values()].filter(({ ifindex }) => ifindex !== 0).map(({ program }) => program));
    for (const program of this.programs.values()) {
      if (program.object.handles > 0 || pinned.has(program) || attached.has(program)) continue;
      this.programs.delete(program.object.id);
    }
    // The fake kernel then frees what these refer to: its own pins and links stand for ours.
    this.memory.pins.clear();
    this.memory.links.clear();
    for (const [path, object] of this.pins) if (isMap(object)) this.memory.pins.set(path, object);
    const kept = [...this.programs.values()].map(({ object }) => object);
    for (const object of kept) this.memory.pins.set(`program ${object.id}`, object);
    this.memory.collect();
  }
}

/** A map as an object for Windows declares it, for the in-memory kernel. Refused: a type that the profile has not. */
export function mapSpec({ name, type, keySize, valueSize, maxEntries, inner }: DeclaredMap, profile: Profile): FakeMapSpec {
  const spec = { name, type: typeOf(type, profile), keySize, valueSize, maxEntries };
  return inner === undefined ? spec : { ...spec, inner: mapSpec({ ...inner, name: '' }, profile) };
}

function typeOf(number: number, { mapTypes }: Profile): MapType {
  const type = mapTypes[number];
  if (type === undefined) throw new Refusal('EINVAL');
  return type;
}

export function isMap(object: EfwObject): object is MapObject {
  return !('kind' in object);
}

export function idOf(object: EfwObject): number {
  return 'kind' in object && object.kind === 'program' ? object.object.id : (object as MapObject | EfwLink).id;
}

/** The three roots name the same place, and so do the two strokes. */
export function pinName(path: string): string {
  return path
    .replaceAll('\\', '/')
    .replace(/^(BPF:\/+|\/sys\/fs\/bpf\/|\/ebpf\/global\/)/i, '')
    .replaceAll(/\/+/g, '/');
}

/** Wine's drive Z: is the root of Linux' file system. */
function unixPath(path: string): string {
  return path.replace(/^z:/i, '').replaceAll('\\', '/');
}

function sameShape(one: FakeMapSpec, other: FakeMapSpec): boolean {
  return (['type', 'keySize', 'valueSize', 'maxEntries'] as const).every((what) => one[what] === other[what]);
}

/** Names of the maps that a program refers to, in functions that it calls as well. */
function mapsUsedBy({ functions, references }: BpfObject, entry: CodeFunction): readonly string[] {
  const names = new Set<string>();
  const seen = new Set<CodeFunction>();
  const walk = (from: CodeFunction): void => {
    if (seen.has(from)) return;
    seen.add(from);
    for (let slot = from.start; slot < from.end; slot++) {
      const reference = references.get(slot);
      if (reference?.kind === 'map') names.add(reference.name);
      if (reference?.kind !== 'function') continue;
      const called = functions.find(({ start }) => start === reference.slot);
      if (called !== undefined) walk(called);
    }
  };
  walk(entry);
  return [...names];
}
