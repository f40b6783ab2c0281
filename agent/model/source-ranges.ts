// Which clients a service takes, as prefixes of source addresses that are allowed or denied.
// Imports its siblings only. The longest prefix that holds a client's address decides; one that none holds is denied where any is allowed.
// Invariant: lists of prefixes are in one order, each prefix once, no bit set behind it: equal sets are equal lists.

import { addressBytes, type Family, familyOf } from './address.js';

/** What a range says of the addresses in it; in the order of enum fl_permit, from 1. */
export const PERMITS = ['allow', 'deny'] as const;
export type Permit = (typeof PERMITS)[number];

export interface SourceRanges {
  /** 'ADDRESS/LENGTH', canonical. Not empty: an address in no range is denied. */
  readonly allow: readonly string[];
  readonly deny: readonly string[];
}

export const ANY_SOURCE: SourceRanges = { allow: [], deny: [] };

/** The prefixes in the order of their addresses, IPv4 first, and of two at one address the shorter first; each once. */
export function sortPrefixes(prefixes: Iterable<string>): readonly string[] {
  const keyed = Array.from(new Set(prefixes), (prefix) => ({ prefix, key: sortKey(prefix) }));
  return keyed.sort((a, b) => Buffer.compare(a.key, b.key)).map(({ prefix }) => prefix);
}

function sortKey(prefix: string): Buffer {
  const [address = '', length] = prefix.split('/');
  return Buffer.from([familyOf(prefix), ...addressBytes(address), Number(length)]);
}

/** Prefix to what it says. */
export function permitsOf({ allow, deny }: SourceRanges): Map<string, Permit> {
  return new Map([...allow.map((prefix) => [prefix, 'allow'] as const), ...deny.map((prefix) => [prefix, 'deny'] as const)]);
}

/** The inverse of permitsOf(). */
export function rangesOf(permits: ReadonlyMap<string, Permit>): SourceRanges {
  const of = (permit: Permit) => sortPrefixes([...permits].filter(([, one]) => one === permit).map(([prefix]) => prefix));
  return { allow: of('allow'), deny: of('deny') };
}

export function ofFamily(prefixes: readonly string[], family: Family): readonly string[] {
  return prefixes.filter((prefix) => familyOf(prefix) === family);
}
