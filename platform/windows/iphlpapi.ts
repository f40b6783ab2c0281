// The foreign functions of iphlpapi.dll that tell of adapters, routes and neighbours, and the tables that they give.
// May import koffi and agent/model/errors. Nothing is declared until loadIphlpapi() is called, once a process.
// Invariant: memory of the system's is copied and given back before a table is looked at.

import koffi from 'koffi';
import { FairleadError } from '../../agent/model/errors.js';

export const AF_INET = 2;
export const AF_INET6 = 23;
/** Bytes of a row: MIB_IPFORWARD_ROW2, MIB_IPNET_ROW2, and of SOCKADDR_INET (netioapi.h, x64). */
export const FORWARD_ROW = 104;
export const NEIGHBOUR_ROW = 88;
export const SOCKADDR_BYTES = 28;

const ERROR_BUFFER_OVERFLOW = 111;
const ERROR_NO_DATA = 232;
/** GAA_FLAG_SKIP_ANYCAST, _MULTICAST, _DNS_SERVER. */
const SKIP = 0x02 | 0x04 | 0x08;
const ROWS_AT = 8;

type Foreign = (...args: unknown[]) => number;

interface Iphlpapi {
  readonly GetAdaptersAddresses: Foreign;
  readonly GetIpForwardTable2: Foreign;
  readonly GetIpNetTable2: Foreign;
  readonly FreeMibTable: (table: unknown) => void;
  /** Absent in older and emulated systems. */
  readonly GetBestRoute2: Foreign | undefined;
  readonly ResolveIpNetEntry2: (Foreign & { readonly async: (...args: unknown[]) => void }) | undefined;
}

let loaded: Iphlpapi | undefined;

/** Throws FL_E_MISSING. */
export function loadIphlpapi(): Iphlpapi {
  loaded ??= declareAll();
  return loaded;
}

function declareAll(): Iphlpapi {
  try {
    const library = koffi.load('iphlpapi.dll');
    const optional = (name: string, args: string[]): Foreign | undefined => {
      try {
        return library.func(name, 'uint32_t', args) as Foreign;
      } catch {
        return undefined;
      }
    };
    return {
      GetAdaptersAddresses: library.func('GetAdaptersAddresses', 'uint32_t', [
        'uint32_t',
        'uint32_t',
        'void *',
        'void *',
        'void *',
      ]) as Foreign,
      GetIpForwardTable2: library.func('GetIpForwardTable2', 'uint32_t', ['uint16_t', 'void *']) as Foreign,
      GetIpNetTable2: library.func('GetIpNetTable2', 'uint32_t', ['uint16_t', 'void *']) as Foreign,
      FreeMibTable: library.func('FreeMibTable', 'void', ['void *']) as (table: unknown) => void,
      GetBestRoute2: optional('GetBestRoute2', ['void *', 'uint32_t', 'void *', 'void *', 'uint32_t', 'void *', 'void *']),
      ResolveIpNetEntry2: optional('ResolveIpNetEntry2', ['void *', 'void *']) as Iphlpapi['ResolveIpNetEntry2'],
    };
  } catch (cause) {
    throw new FairleadError('FL_E_MISSING', `iphlpapi.dll cannot be used: ${(cause as Error).message}`, { cause });
  }
}

/** The list of adapters (IP_ADAPTER_ADDRESSES): a buffer, and the address that it had, which the pointers in it are relative to. */
export function readAdapters(): { readonly memory: Buffer; readonly base: bigint } {
  const size = Buffer.alloc(4);
  // The list may grow between the two questions.
  for (let bytes = 32 * 1024; ; ) {
    const memory = Buffer.alloc(bytes);
    size.writeUInt32LE(bytes);
    const result = loadIphlpapi().GetAdaptersAddresses(0, SKIP, null, memory, size);
    if (result === ERROR_NO_DATA) return { memory: Buffer.alloc(0), base: 0n };
    if (result === 0) return { memory, base: BigInt(koffi.address(memory)) };
    if (result !== ERROR_BUFFER_OVERFLOW)
      throw new FairleadError('FL_E_SYSTEM', `cannot read the adapters: error ${result} of GetAdaptersAddresses`);
    bytes = Math.max(2 * bytes, size.readUInt32LE());
  }
}

/** The rows of a table of both families, one after the other. */
export function readRows(table: 'GetIpForwardTable2' | 'GetIpNetTable2', rowBytes: number): Buffer {
  const api = loadIphlpapi();
  const rows: Buffer[] = [];
  for (const family of [AF_INET, AF_INET6]) {
    const place = Buffer.alloc(8);
    const result = api[table](family, place);
    // A family that is not installed has no table.
    if (result !== 0) continue;
    const pointer = place.readBigUInt64LE();
    if (pointer === 0n) continue;
    const count = Buffer.from(koffi.view(pointer, 4)).readUInt32LE();
    rows.push(Buffer.from(Buffer.from(koffi.view(pointer, ROWS_AT + count * rowBytes)).subarray(ROWS_AT)));
    api.FreeMibTable(pointer);
  }
  return Buffer.concat(rows);
}
