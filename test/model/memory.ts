// Slots of the flow tables as bytes, and the kernel's maps as memory of this process, so that whole tables are compared after each packet.
// Imports agent/datapath's layout, platform/linux and the model's state. The maps must be made with BPF_F_MMAPABLE, as the flow tables are.
// Invariant: nothing here knows what an entry means.

import koffi from 'koffi';
import { FLOW, REVERSE4, REVERSE6, SLOT4, SLOT6, SLOT_FREED, SLOT_YIELDED, TUPLE4, TUPLE6 } from '../../agent/datapath/layout.js';
import { LinuxMap } from '../../platform/linux/map.js';
import type { BpfMap } from '../../platform/port.js';
import type { Action, Family, Flow, Reverse, Slot, Tuple } from './state.js';

const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;

/** The values of an array map, one after the other, as they are at each moment; writes go to the kernel. Lives as long as the process. */
export function mapMemory(map: BpfMap): Buffer {
  const libc = koffi.load('libc.so.6');
  const mmap = libc.func('void *mmap(void *address, size_t length, int protection, int flags, int fd, int64_t offset)');
  const bytes = map.maxEntries * Math.ceil(map.valueSize / 8) * 8;
  const address = mmap(null, Math.ceil(bytes / 4096) * 4096, PROT_READ_WRITE, MAP_SHARED, (map as LinuxMap).fd, 0);
  if (!(map instanceof LinuxMap) || address === null || koffi.address(address) === 0xffff_ffff_ffff_ffffn)
    throw new Error(`map ${map.name} cannot be mapped into memory: errno ${koffi.errno()}`);
  return Buffer.from(koffi.view(address, bytes));
}

/** Action numbers of the maps. */
const ACTIONS: Readonly<Record<Action, number>> = { snat: 1, 'dsr-ipip': 2, 'dsr-l2': 3, 'dsr-ipip6': 4, local: 5 };

const LAYOUTS = {
  4: { tuple: TUPLE4.fields, slot: SLOT4, reverse: REVERSE4 },
  6: { tuple: TUPLE6.fields, slot: SLOT6, reverse: REVERSE6 },
} as const;

export const slotBytes = (family: Family): number => LAYOUTS[family].slot.size;

function writeTuple(to: Buffer, at: number, family: Family, tuple: Tuple): void {
  const fields = LAYOUTS[family].tuple;
  to.write(tuple.saddr, at + fields.saddr.offset, 'hex');
  to.write(tuple.daddr, at + fields.daddr.offset, 'hex');
  to.writeUInt16BE(tuple.sport, at + fields.sport.offset);
  to.writeUInt16BE(tuple.dport, at + fields.dport.offset);
}

/** Protocol and claims, one word. */
function writeWord(to: Buffer, at: number, family: Family, { claims, entry, freed, yielded }: Slot<Flow | Reverse>): void {
  const empty = yielded ? SLOT_YIELDED : freed ? SLOT_FREED : 0;
  to.writeUInt32LE(claims * 256 + (entry?.tuple.protocol ?? empty), at + LAYOUTS[family].tuple.protocol.offset);
}

/** Writes a slot with its entry; of an empty one its word alone, as what else stands there means nothing. */
export function writeFlow(to: Buffer, at: number, family: Family, slot: Slot<Flow>): void {
  writeWord(to, at, family, slot);
  const { entry } = slot;
  if (entry === undefined) return;
  writeTuple(to, at, family, entry.tuple);
  const start = at + LAYOUTS[family].slot.fields.flow.offset;
  const { fields } = FLOW;
  to.writeBigUInt64LE(BigInt(entry.packets), start + fields.packets.offset);
  to.writeBigUInt64LE(BigInt(entry.bytes), start + fields.bytes.offset);
  to.writeUInt32LE(entry.lastSeen, start + fields.lastSeen.offset);
  to.writeUInt32LE(entry.created, start + fields.created.offset);
  to.writeUInt32LE(entry.refreshed, start + fields.refreshed.offset);
  to.writeUInt32LE(entry.backendId, start + fields.backendId.offset);
  to.writeUInt32LE(entry.reverse, start + fields.reverse.offset);
  to.writeUInt16LE(entry.generation, start + fields.backendGeneration.offset);
  to.writeUInt16LE(entry.serviceId, start + fields.serviceId.offset);
  to.writeUInt16BE(entry.snatPort, start + fields.snatPort.offset);
  to.writeUInt8(ACTIONS[entry.action], start + fields.action.offset);
  to.writeUInt8(entry.seen, start + fields.tcpSeen.offset);
  to.writeUInt8(entry.snatSource, start + fields.snatSource.offset);
}

export function writeReply(to: Buffer, at: number, family: Family, slot: Slot<Reverse>): void {
  writeWord(to, at, family, slot);
  const { entry } = slot;
  if (entry === undefined) return;
  writeTuple(to, at, family, entry.tuple);
  const { fields } = LAYOUTS[family].reverse;
  to.writeUIntLE(entry.backendId, at + fields.backendId.offset, 3);
  to.writeUIntLE(entry.packets, at + fields.packets.offset, 5);
  to.writeBigUInt64LE(BigInt(entry.bytes), at + fields.bytes.offset);
  to.write(entry.client, at + fields.clientAddr.offset, 'hex');
  to.write(entry.service, at + fields.serviceAddr.offset, 'hex');
  to.writeUInt16BE(entry.clientPort, at + fields.clientPort.offset);
  to.writeUInt16BE(entry.servicePort, at + fields.servicePort.offset);
  to.writeUInt32LE(entry.lastSeen, at + fields.lastSeen.offset);
  to.writeUInt32LE(entry.flow, at + fields.flow.offset);
  to.writeUInt16BE(entry.link.vlan[0], at + fields.vlan.offset);
  to.writeUInt16BE(entry.link.vlan[1], at + fields.vlan.offset + 2);
  to.write(entry.link.mac, at + fields.clientMac.offset, 'hex');
  to.writeUInt8(entry.link.device | (entry.link.tags << 4) | (entry.link.serviceTag ? 0x40 : 0), at + fields.link.offset);
  to.writeUInt8(entry.seen, at + fields.tcpSeen.offset);
}
