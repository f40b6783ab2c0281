// What bpf_obj_get_info_by_fd() tells of an object: the structures of EfW's ebpf_structs.h, byte for byte.
// Imports platform/port and its siblings.
// Invariant: 96 bytes of a map, 128 of a program (the pointer to its maps' ids is the caller's), 56 of a link.

import { PER_CPU } from '../../../platform/port.js';
import { type EfwKernel, type EfwObject, isMap } from './efw-kernel.js';
import { fixedName, u32 } from './wire.js';

/** EBPF_ID_NONE. Of a link that is attached no more: it still tells the device. */
const NONE = 0xffff_ffff;

/** struct bpf_map_info, bpf_prog_info, bpf_link_info of ebpf_structs.h. */
export function describeObject(kernel: EfwKernel, object: EfwObject): readonly Buffer[] {
  const pins = [...kernel.pins.values()].filter((one) => one === object).length;
  if (isMap(object)) {
    const { name, type, keySize, valueSize, maxEntries } = object.spec;
    const size = PER_CPU.includes(type) ? valueSize : object.valueSize;
    const head = [object.id, kernel.mapTypeNumber(type), keySize, size, maxEntries].map(u32);
    return [Buffer.concat([...head, fixedName(name, 64), u32(0), u32(NONE), u32(pins)])];
  }
  if (object.kind === 'program') {
    const { id, name, maps } = object.object;
    const links = [...kernel.links.values()].filter(({ program, ifindex }) => program === object && ifindex !== 0).length;
    const head = Buffer.concat([...[id, 1, maps.length, 0, 0, 0].map(u32), fixedName(name, 64)]);
    return [Buffer.concat([head, Buffer.alloc(32), u32(pins), u32(links)]), Buffer.concat(maps.map((map) => u32(map.id)))];
  }
  const programId = object.ifindex === 0 ? NONE : object.program.object.id;
  return [Buffer.concat([...[object.id, programId, 3, 1].map(u32), Buffer.alloc(32), u32(object.device), u32(0)])];
}
