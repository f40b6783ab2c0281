// One Windows process as the system sees it: its descriptors, and what each call of the double's C part does.
// Imports agent/model/errors, platform/port, platform/fake's types and its siblings.
// Invariant: a call that is refused has changed nothing, but for batches, which end at the entry that was refused.

import { FairleadError } from '../../../agent/model/errors.js';
import type { MapObject } from '../../../platform/fake/objects.js';
import type { UpdateWhen } from '../../../platform/port.js';
import {
  type EfwKernel,
  EfwLink,
  type EfwObject,
  type EfwProgram,
  idOf,
  isMap,
  type OpenObject,
  pinName,
  Refusal,
  WIN_ERRNO,
} from './efw-kernel.js';
import { describeObject } from './info.js';
import { type Answer, fixedName, u32 } from './wire.js';

const WHEN: readonly UpdateWhen[] = ['any', 'absent', 'present'];

type Call = (fields: readonly Buffer[]) => Answer | number;

const number = (field: Buffer | undefined): number => field?.readInt32LE() ?? 0;
const text = (field: Buffer | undefined): string => field?.toString('utf8') ?? '';

/** What one process has open. Its calls are named as channel.h's callers name them. Descriptors are never used twice, so that one that was closed is noticed. */
export class WindowsProcess {
  readonly #kernel: EfwKernel;
  readonly #actions: ReadonlyMap<string, () => void>;
  readonly #open = new Map<number, EfwObject>();
  readonly #objects = new Map<number, OpenObject & { descriptors: number[] }>();
  /** Where map_next_key is, by map: the keys as they were when its walk began. */
  readonly #walks = new Map<MapObject, { keys: readonly Buffer[]; places: ReadonlyMap<string, number> }>();
  #next = 3;

  constructor(kernel: EfwKernel, actions: ReadonlyMap<string, () => void>) {
    this.#kernel = kernel;
    this.#actions = actions;
  }

  answer(name: string, fields: readonly Buffer[]): Answer {
    try {
      const call = this.#calls[name];
      if (call === undefined) throw new Refusal('ENOTSUP');
      this.#kernel.checkFault(name);
      const answer = call(fields);
      return typeof answer === 'number' ? { result: answer } : answer;
    } catch (error) {
      if (error instanceof Refusal) return { result: -error.errno };
      throw error;
    }
  }

  end(): void {
    for (const fd of [...this.#open.keys()]) this.#close(fd);
  }

  #descriptor(object: EfwObject): number {
    const holder = handlesOf(object);
    holder.handles++;
    this.#open.set(this.#next, object);
    return this.#next++;
  }

  #close(fd: number): void {
    const object = this.#get(fd);
    this.#open.delete(fd);
    handlesOf(object).handles--;
    this.#kernel.collect();
  }

  #get(fd: number): EfwObject {
    const object = this.#open.get(fd);
    if (object === undefined) throw new Refusal('EBADF');
    return object;
  }

  #map(field: Buffer | undefined): MapObject {
    const object = this.#get(number(field));
    if (!isMap(object)) throw new Refusal('EINVAL');
    return object;
  }

  #program(field: Buffer | undefined): EfwProgram {
    const object = this.#get(number(field));
    if (isMap(object) || object.kind !== 'program') throw new Refusal('EINVAL');
    return object;
  }

  #link(field: Buffer | undefined): EfwLink {
    const object = this.#get(number(field));
    if (!(object instanceof EfwLink)) throw new Refusal('EINVAL');
    return object;
  }

  #openById(objects: ReadonlyMap<number, EfwObject>, id: number): number {
    const object = objects.get(id);
    if (object === undefined) throw new Refusal('ENOENT');
    return this.#descriptor(object);
  }

  readonly #calls: Readonly<Record<string, Call>> = {
    object_open: ([path, root]) => {
      const opened = this.#kernel.openObject(text(path), text(root));
      const id = this.#next++;
      this.#objects.set(id, { ...opened, descriptors: [] });
      const maps = opened.content.maps.map((map) =>
        Buffer.concat([fixedName(map.name, 64), ...[map.type, map.keySize, map.valueSize, map.maxEntries].map(u32)]),
      );
      const programs = opened.programs.map(({ name, section, start, end }) =>
        Buffer.concat([fixedName(name, 64), fixedName(section, 64), u32(end - start)]),
      );
      return { result: id, fields: [text(path).split(/[\\/]/).at(-1) ?? '', Buffer.concat(maps), Buffer.concat(programs)] };
    },
    object_load: ([object, _execution, wanted]) => {
      const opened = this.#objects.get(number(object));
      if (opened === undefined) throw new Refusal('EINVAL');
      const chosen = opened.programs.filter((_, index) => wanted?.[index] === 1);
      const report = this.#kernel.reportOn(chosen);
      if (report !== undefined) return { result: -WIN_ERRNO.EACCES, fields: ['', '', report] };
      const { maps, programs } = this.#kernel.load(opened, chosen);
      const mapFds = maps.map((map) => this.#descriptor(map));
      const loaded = new Map(programs.map((program) => [program.entry, this.#descriptor(program)]));
      opened.descriptors.push(...mapFds, ...loaded.values());
      const programFds = opened.programs.map((program) => loaded.get(program) ?? -1);
      return { result: 0, fields: [Buffer.concat(programFds.map(u32)), Buffer.concat(mapFds.map(u32)), ''] };
    },
    object_close: ([object]) => {
      for (const fd of this.#objects.get(number(object))?.descriptors ?? []) if (this.#open.has(fd)) this.#close(fd);
      this.#objects.delete(number(object));
      return 0;
    },
    verify: ([file, section, program]) => {
      const { programs } = this.#kernel.openObject(text(file), '');
      const asked = programs.filter(
        (one) => (section?.length === 0 || one.section === text(section)) && (program?.length === 0 || one.name === text(program)),
      );
      const report = this.#kernel.reportOn(asked);
      return { result: report === undefined ? 0 : 1, fields: [report ?? ''] };
    },
    map_create: ([type, name, keySize, valueSize, maxEntries, flags, innerFd]) => {
      if (number(flags) !== 0) throw new Refusal('EINVAL');
      const spec = {
        name: text(name),
        type: this.#kernel.mapType(number(type)),
        keySize: number(keySize),
        valueSize: number(valueSize),
        maxEntries: number(maxEntries),
      };
      const holdsMaps = spec.type === 'array_of_maps' || spec.type === 'hash_of_maps';
      const ring = spec.type === 'ringbuf';
      if (spec.maxEntries === 0 || (ring ? spec.keySize + spec.valueSize > 0 : spec.keySize === 0 || spec.valueSize === 0))
        throw new Refusal('EINVAL');
      return this.#descriptor(this.#kernel.memory.addMap(holdsMaps ? { ...spec, inner: this.#map(innerFd).spec } : spec));
    },
    map_sizes: ([fd]) => {
      const map = this.#map(fd);
      return { result: 0, fields: [map.spec.keySize, map.valueSize] };
    },
    map_lookup: ([fd, key]) => ({ result: 0, fields: [this.#lookUp(this.#map(fd), key)] }),
    map_lookup_and_delete: ([fd, key]) => {
      const map = this.#map(fd);
      if (map.isArray) throw new Refusal('ENOTSUP');
      const value = Buffer.from(this.#lookUp(map, key));
      map.remove(key ?? Buffer.alloc(0));
      return { result: 0, fields: [value] };
    },
    map_update: ([fd, key, value, flags]) => {
      this.#update(this.#map(fd), key, value, number(flags));
      return 0;
    },
    map_delete: ([fd, key]) => {
      this.#delete(this.#map(fd), key);
      return 0;
    },
    map_next_key: ([fd, previous]) => {
      const keys = this.#keysAfter(this.#map(fd), previous, 1);
      if (keys.length === 0) throw new Refusal('ENOENT');
      return { result: 0, fields: [keys[0] as Buffer] };
    },
    map_lookup_batch: ([fd, previous, count]) => this.#readBatch(this.#map(fd), previous, number(count), false),
    map_lookup_and_delete_batch: ([fd, previous, count]) => this.#readBatch(this.#map(fd), previous, number(count), true),
    map_update_batch: ([fd, keys, values, count]) => {
      const map = this.#map(fd);
      if (map.holdsMaps) throw new Refusal('ENOTSUP');
      return this.#each(map, keys, number(count), (key, index) => {
        this.#kernel.checkFault('map_update');
        this.#update(map, key, values?.subarray(index * map.valueSize, (index + 1) * map.valueSize), 0);
      });
    },
    map_delete_batch: ([fd, keys, _values, count]) => {
      const map = this.#map(fd);
      return this.#each(map, keys, number(count), (key) => this.#delete(map, key));
    },
    close: ([fd]) => {
      this.#close(number(fd));
      return 0;
    },
    map_fd_by_id: ([id]) => this.#openById(this.#kernel.memory.maps, number(id)),
    program_fd_by_id: ([id]) => this.#openById(this.#kernel.programs, number(id)),
    link_fd_by_id: ([id]) => this.#openById(this.#kernel.links, number(id)),
    map_next_id: ([start]) => nextId(this.#kernel.memory.maps, number(start)),
    program_next_id: ([start]) => nextId(this.#kernel.programs, number(start)),
    link_next_id: ([start]) => nextId(this.#kernel.links, number(start)),
    info: ([fd]) => ({ result: 0, fields: describeObject(this.#kernel, this.#get(number(fd))) }),
    pin: ([fd, path]) => {
      const object = this.#get(number(fd));
      if (path?.length === 0) throw new Refusal('EINVAL');
      if (this.#kernel.pins.has(pinName(text(path)))) throw new Refusal('EEXIST');
      this.#kernel.pins.set(pinName(text(path)), object);
      return 0;
    },
    open_pin: ([path]) => {
      const object = this.#kernel.pins.get(pinName(text(path)));
      if (object === undefined) throw new Refusal('ENOENT');
      return this.#descriptor(object);
    },
    unpin: ([path]) => {
      if (!this.#kernel.pins.delete(pinName(text(path)))) throw new Refusal('ENOENT');
      this.#kernel.collect();
      return 0;
    },
    next_pin: ([start]) => {
      const next = [...this.#kernel.pins.keys()].sort().find((path) => path > pinName(text(start)));
      const object = next === undefined ? undefined : this.#kernel.pins.get(next);
      if (next === undefined || object === undefined) throw new Refusal('ENOENT');
      const type = isMap(object) ? 1 : object.kind === 'link' ? 2 : 3;
      return { result: 0, fields: [`BPF:\\${next.replaceAll('/', '\\')}`, type] };
    },
    attach: ([fd, ifindex, flags]) => this.#descriptor(this.#kernel.attach(this.#program(fd), number(ifindex), (number(flags) & 1) !== 0)),
    link_detach: ([fd]) => {
      const link = this.#link(fd);
      if (link.ifindex === 0) throw new Refusal('EINVAL');
      this.#kernel.detach(link);
      return 0;
    },
    link_disconnect: ([fd]) => {
      this.#link(fd).lasts = true;
      return 0;
    },
    xdp_detach: ([ifindex]) => {
      const link = this.#kernel.linkOn(number(ifindex));
      if (link === undefined) throw new Refusal('ENOENT');
      this.#kernel.detach(link);
      return 0;
    },
    xdp_query: ([ifindex]) => {
      const link = this.#kernel.linkOn(number(ifindex));
      if (link === undefined) throw new Refusal('ENOENT');
      return { result: 0, fields: [link.program.object.id] };
    },
    test_run: ([fd, packet, context, repeat]) => {
      const program = this.#program(fd);
      if (packet === undefined || packet.length < 14) throw new Refusal('EINVAL');
      const ingress = context !== undefined && context.length >= 28 ? context.readUInt32LE(24) : 1;
      const began = performance.now();
      const times = Math.max(1, number(repeat));
      let ran = this.#kernel.run(program, packet, ingress);
      for (let round = 1; round < times; round++) ran = this.#kernel.run(program, packet, ingress);
      return { result: 0, fields: [ran.result, ran.packet, Math.ceil(((performance.now() - began) * 1e6) / times)] };
    },
    do: ([name]) => {
      const action = this.#actions.get(text(name));
      if (action === undefined) throw new Refusal('ENOENT');
      action();
      return 0;
    },
    ring_check: ([fd]) => (this.#map(fd).ring === undefined ? -WIN_ERRNO.EINVAL : 0),
    ring_take: ([fd]) => {
      const record = this.#map(fd).ring?.take(1)[0];
      return record === undefined ? 0 : { result: 1, fields: [record] };
    },
  };

  /** Of a map of maps: the inner map's id. */
  #lookUp(map: MapObject, key: Buffer | undefined): Buffer {
    if (key === undefined || map.ring !== undefined) throw new Refusal('EINVAL');
    if (map.isArray && key.readUInt32LE() >= map.spec.maxEntries) throw new Refusal('EINVAL');
    const entry = map.spec.type === 'lpm_trie' ? map.find(key) : map.get(key);
    if (entry === undefined) throw new Refusal('ENOENT');
    return entry.value;
  }

  /** Of a map of maps: `value` is the inner map's descriptor. */
  #update(map: MapObject, key: Buffer | undefined, value: Buffer | undefined, flags: number): void {
    const when = WHEN[flags];
    if (key === undefined || value === undefined || when === undefined || map.ring !== undefined) throw new Refusal('EINVAL');
    const indexed = map.isArray || map.spec.type === 'array_of_maps';
    if (indexed && (key.readUInt32LE() >= map.spec.maxEntries || when === 'absent')) throw new Refusal('EINVAL');
    const inner = map.holdsMaps ? this.#map(value) : undefined;
    const wanted = map.spec.inner;
    if (inner !== undefined && wanted !== undefined) {
      const fits = (['type', 'keySize', 'valueSize', 'maxEntries'] as const).every((what) => wanted[what] === inner.spec[what]);
      if (!fits) throw new Refusal('EINVAL');
    }
    const there = map.get(key) !== undefined;
    if (there && when === 'absent') throw new Refusal('EOTHER');
    if (!there && when === 'present') throw new Refusal('ENOENT');
    try {
      map.set(key, inner === undefined ? value : u32(inner.id), when, inner);
    } catch (error) {
      if (error instanceof FairleadError && error.code === 'FL_E_LIMIT') throw new Refusal('ENOSPC');
      throw error;
    }
    if (inner !== undefined) this.#kernel.collect();
  }

  /** An array's entry becomes zeros. */
  #delete(map: MapObject, key: Buffer | undefined): void {
    if (key === undefined || map.ring !== undefined) throw new Refusal('EINVAL');
    if (map.isArray) this.#update(map, key, Buffer.alloc(map.valueSize), 0);
    else if (!map.remove(key)) throw new Refusal('ENOENT');
    if (map.holdsMaps) this.#kernel.collect();
  }

  /** So many keys that follow `previous`, from the first when it is empty, or is no longer there. */
  #keysAfter(map: MapObject, previous: Buffer | undefined, most: number): readonly Buffer[] {
    if (map.ring !== undefined) throw new Refusal('EINVAL');
    const place = (): number | undefined => this.#walks.get(map)?.places.get(previous?.toString('latin1') ?? '');
    const continuing = previous !== undefined && previous.length > 0;
    if (!continuing || place() === undefined) {
      const keys = map.list().map(({ key }) => Buffer.from(key));
      this.#walks.set(map, { keys, places: new Map(keys.map((key, index) => [key.toString('latin1'), index])) });
    }
    const keys = this.#walks.get(map)?.keys ?? [];
    const found: Buffer[] = [];
    for (let index = continuing ? (place() ?? -1) + 1 : 0; index < keys.length && found.length < most; index++) {
      const key = keys[index] as Buffer;
      if (map.get(key) !== undefined) found.push(key);
    }
    return found;
  }

  #readBatch(map: MapObject, previous: Buffer | undefined, count: number, remove: boolean): Answer {
    if (map.holdsMaps) throw new Refusal('ENOTSUP');
    const keys = this.#keysAfter(map, previous, count);
    if (keys.length === 0) throw new Refusal('ENOENT');
    const values = keys.map((key) => Buffer.from(map.get(key)?.value ?? Buffer.alloc(map.valueSize)));
    if (remove) for (const key of keys) this.#delete(map, key);
    return { result: 0, fields: [keys.length, Buffer.concat(keys), Buffer.concat(values)] };
  }

  /** Does it for each key until one is refused; the answer tells how many were done. */
  #each(map: MapObject, keys: Buffer | undefined, count: number, action: (key: Buffer, index: number) => void): Answer {
    for (let index = 0; index < count; index++) {
      try {
        action(keys?.subarray(index * map.spec.keySize, (index + 1) * map.spec.keySize) ?? Buffer.alloc(0), index);
      } catch (error) {
        if (error instanceof Refusal) return { result: -error.errno, fields: [index] };
        throw error;
      }
    }
    return { result: 0, fields: [count] };
  }
}

function handlesOf(object: EfwObject): { handles: number } {
  return isMap(object) || object.kind === 'link' ? object : object.object;
}

function nextId(objects: ReadonlyMap<number, EfwObject>, start: number): Answer {
  const next = [...objects.values()]
    .map(idOf)
    .sort((a, b) => a - b)
    .find((id) => id > start);
  if (next === undefined) throw new Refusal('ENOENT');
  return { result: 0, fields: [next] };
}
