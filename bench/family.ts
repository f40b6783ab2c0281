// What differs between the address families in the benchmark: addresses, the form of a frame, which families are measured.
// Imports agent/model alone.
// Invariant: everything else in bench/ is written once and takes its numbers from here.

import type { Family } from '../agent/model/address.js';

/** The families that are measured: those that the data plane forwards. IPv6 is switched on by adding 6. */
export const MEASURED_FAMILIES: readonly Family[] = [4, 6];

/** Numbers that the wrapper is compiled with (bench/wrapper.c), and those that frames are built by: bytes and offsets. */
export interface FrameLayout {
  /** Of a whole frame: the least that carries TCP, 64 bytes where Ethernet asks for that many. */
  readonly bytes: number;
  readonly etherType: number;
  readonly ipBytes: number;
  readonly addressBytes: number;
  /** Of the source address; the destination follows it. */
  readonly sourceAt: number;
  readonly tcpAt: number;
  /** Behind the TCP header: what Ethernet's least length leaves. */
  readonly payloadBytes: number;
  /** Where the wrapper's 8-byte words begin, so that addresses are whole words or halves of one. */
  readonly wordsFrom: number;
}

export const LAYOUTS: Readonly<Record<Family, FrameLayout>> = {
  4: { bytes: 64, etherType: 0x0800, ipBytes: 20, addressBytes: 4, sourceAt: 26, tcpAt: 34, payloadBytes: 10, wordsFrom: 2 },
  6: { bytes: 74, etherType: 0x86dd, ipBytes: 40, addressBytes: 16, sourceAt: 22, tcpAt: 54, payloadBytes: 0, wordsFrom: 6 },
};

/** Who is who. Clients and fresh sources are numbered in the last 4 bytes of an address of the prefix. */
export interface Places {
  readonly lb: string;
  readonly services: { readonly snat: string; readonly ipip: string; readonly l2: string };
  readonly transit: string;
  /** Address of the first client. Apart from where the wrapper takes fresh sources from, which is 10.0.0.0/8 or the same last bytes. */
  readonly clients: string;
  /** Address of backend number `index`. */
  backend(index: number): string;
}

export const PLACES: Readonly<Record<Family, Places>> = {
  4: {
    lb: '20.1.1.1',
    services: { snat: '40.1.1.1', ipip: '40.1.1.2', l2: '40.1.1.3' },
    transit: '50.1.1.1',
    clients: '100.64.0.0',
    backend: (index) => `20.1.${2 + (index >> 8)}.${index & 255}`,
  },
  6: {
    lb: '2001:db8:20::1',
    services: { snat: '2001:db8:40::1', ipip: '2001:db8:40::2', l2: '2001:db8:40::3' },
    transit: '2001:db8:50::1',
    clients: '2001:db8:64::6440:0',
    backend: (index) => `2001:db8:20::2:${index.toString(16)}`,
  },
};
