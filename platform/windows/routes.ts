// The route that this node takes: Windows' own answer, or where the system has none to give, the longest prefix of its table.
// May import platform/port, platform/shared/addresses and its siblings.
// Offsets are those of MIB_IPFORWARD_ROW2 (netioapi.h, x64).

import { addressBytes } from '../shared/addresses.js';
import type { InterfaceInfo, Route } from '../port.js';
import { FORWARD_ROW, loadIphlpapi, readRows, SOCKADDR_BYTES } from './iphlpapi.js';
import { makeSockaddr, readSockaddr } from './sockaddr.js';

/** Of a route that any other goes before. */
const LAST = 0xffff_ffff;

export interface RouteRow {
  readonly ifindex: number;
  readonly prefix: string;
  readonly prefixLength: number;
  /** Undefined: the prefix is on the link. */
  readonly nextHop: string | undefined;
  readonly metric: number;
}

export function decodeRoutes(rows: Buffer): readonly RouteRow[] {
  const found: RouteRow[] = [];
  for (let at = 0; at + FORWARD_ROW <= rows.length; at += FORWARD_ROW) {
    const prefix = readSockaddr(rows, at + 12);
    const nextHop = readSockaddr(rows, at + 44);
    if (prefix === undefined) continue;
    found.push({
      ifindex: rows.readUInt32LE(at + 8),
      prefix,
      prefixLength: rows.readUInt8(at + 40),
      nextHop: nextHop === undefined || nextHop === '0.0.0.0' || nextHop === '::' ? undefined : nextHop,
      metric: rows.readUInt32LE(at + 84),
    });
  }
  return found;
}

export const readRoutes = (): readonly RouteRow[] => decodeRoutes(readRows('GetIpForwardTable2', FORWARD_ROW));

function covers(prefix: Buffer, length: number, address: Buffer): boolean {
  if (prefix.length !== address.length) return false;
  const whole = length >> 3;
  if (prefix.compare(address, 0, whole, 0, whole) !== 0) return false;
  const rest = length & 7;
  return rest === 0 || (((prefix[whole] as number) ^ (address[whole] as number)) & (0xff << (8 - rest)) & 0xff) === 0;
}

/** What an address's prefix says is on its link, should the table not say it (as Wine's of IPv6 does not). */
function onLink(interfaces: readonly InterfaceInfo[]): readonly RouteRow[] {
  return interfaces.flatMap(({ index, addresses }) =>
    addresses.map(({ address, prefixLength }) => ({ ifindex: index, prefix: address, prefixLength, nextHop: undefined, metric: LAST })),
  );
}

/** By the table: the longest prefix, of equals the least metric. Throws FL_E_VALUE when the text is no address. */
export function findRoute(destination: string, rows: readonly RouteRow[], interfaces: readonly InterfaceInfo[]): Route | undefined {
  const address = addressBytes(destination);
  const own = interfaces.find(({ addresses }) => addresses.some((one) => one.address === destination));
  if (own !== undefined) return { ifindex: own.index, nextHop: destination, source: destination, local: true };
  const [best] = [...rows, ...onLink(interfaces)]
    .filter(({ prefix, prefixLength }) => covers(addressBytes(prefix), prefixLength, address))
    .sort((a, b) => b.prefixLength - a.prefixLength || a.metric - b.metric);
  if (best === undefined) return undefined;
  const nextHop = best.nextHop ?? destination;
  const isFamily = (text: string) => addressBytes(text).length === address.length;
  const choices = interfaces
    .find(({ index }) => index === best.ifindex)
    ?.addresses.filter((one) => isFamily(one.address) && one.state === undefined);
  const near = choices?.find((one) => covers(addressBytes(one.address), one.prefixLength, addressBytes(nextHop)));
  return { ifindex: best.ifindex, nextHop, source: (near ?? choices?.[0])?.address, local: false };
}

/** Windows' own choice; 'unknown': this system does not tell. */
function askBestRoute(destination: string): { readonly row: RouteRow; readonly source: string | undefined } | 'none' | 'unknown' {
  const { GetBestRoute2 } = loadIphlpapi();
  if (GetBestRoute2 === undefined) return 'unknown';
  const row = Buffer.alloc(FORWARD_ROW);
  const source = Buffer.alloc(SOCKADDR_BYTES);
  const result = GetBestRoute2(null, 0, null, makeSockaddr(destination), 0, row, source);
  // ERROR_NOT_FOUND, ERROR_NETWORK_UNREACHABLE, ERROR_HOST_UNREACHABLE.
  if (result === 1168 || result === 1231 || result === 1232) return 'none';
  const [found] = result === 0 ? decodeRoutes(row) : [];
  return found === undefined ? 'unknown' : { row: found, source: readSockaddr(source, 0) };
}

/** `table` is asked for where Windows itself does not choose. Throws FL_E_VALUE when the text is no address. */
export function route(destination: string, table: () => readonly RouteRow[], interfaces: readonly InterfaceInfo[]): Route | undefined {
  const best = askBestRoute(destination);
  if (best === 'unknown') return findRoute(destination, table(), interfaces);
  if (best === 'none') return undefined;
  const local = interfaces.some(({ addresses }) => addresses.some((one) => one.address === destination));
  return { ifindex: best.row.ifindex, nextHop: best.row.nextHop ?? destination, source: best.source, local };
}
