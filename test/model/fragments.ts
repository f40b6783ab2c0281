// What is remembered of fragmented datagrams: "Fragments" of docs/packet-walk.md.
// Imports its siblings.

import type { Draft } from './draft.js';
import type { Fragment, Headers } from './headers.js';
import { type Family, type FirstFragment, TCP, UDP } from './state.js';
import { age } from './worth.js';

const SECONDS = 15;

export const isPort = ({ tuple }: Headers): boolean => tuple.protocol === TCP || tuple.protocol === UDP;

/** What names the fragment's datagram: over IPv6 without a protocol. */
export function datagramOf({ family, tuple }: Headers, { id }: Fragment): string {
  return `${tuple.saddr} ${tuple.daddr} ${id}${family === 4 ? ` ${tuple.protocol}` : ''}`;
}

/** Does the first fragment lack a part of its TCP or UDP header? */
export function isTiny(frame: Buffer, { transport, end, tuple }: Headers): boolean {
  const length = end - transport;
  if (tuple.protocol === UDP) return length < 8;
  return length < 20 || length < (frame.readUInt8(transport + 12) >> 4) * 4;
}

/** What the later fragments lack. */
export function firstOf(frame: Buffer, { transport, tuple }: Headers, { bytes }: Fragment, now: number): FirstFragment {
  return {
    sport: frame.readUInt16BE(transport),
    dport: frame.readUInt16BE(transport + 2),
    tcpFlags: tuple.protocol === TCP ? frame.readUInt8(transport + 13) : 0,
    protocol: tuple.protocol,
    bytes,
    seen: now,
  };
}

export function remember(draft: Draft, datagram: string, first: FirstFragment): void {
  draft.note({ fragments: new Map([...(draft.plane.fragments ?? []), [datagram, first]]) });
}

/** Undefined: there is nothing, or it is too old. */
export function recall(draft: Draft, datagram: string): FirstFragment | undefined {
  const found = draft.plane.fragments?.get(datagram);
  const { settings, now } = draft;
  return found === undefined || age(settings, now, found.seen) >= SECONDS * settings.ticksPerSecond ? undefined : found;
}

/** A later fragment, with what the first one tells of it. */
export const withPorts = (headers: Headers, { sport, dport, protocol, tcpFlags }: FirstFragment): Headers => ({
  ...headers,
  tcpFlags,
  tuple: { ...headers.tuple, sport, dport, protocol },
});

/** A datagram's name as its parts. */
export function datagramParts(family: Family, datagram: string): { saddr: string; daddr: string; id: string; protocol: number } {
  const [saddr = '', daddr = '', id = '', protocol = '0'] = datagram.split(' ');
  return { saddr, daddr, id, protocol: family === 4 ? Number(protocol) : 0 };
}
