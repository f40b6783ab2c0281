// Source ranges and the time of session affinity from text.
// Imports its siblings only.
// Invariant: a prefix with bits set behind its length is refused, not cut: whoever wrote it may have meant another one.

import { formatAddress, parseAddressBytes } from './address.js';
import { maskByte } from './parse-prefix.js';
import { LONGEST_SECONDS, parseInteger, parseList, valueError } from './parse-value.js';
import { sortPrefixes } from './source-ranges.js';

/** 'ADDRESS/LENGTH' of either family, or an address alone, as canonical 'ADDRESS/LENGTH'. */
export function parseSourcePrefix(text: string, where?: string): string {
  const slash = text.indexOf('/');
  const bytes = parseAddressBytes(slash < 0 ? text : text.slice(0, slash));
  if (bytes === undefined) throw valueError('prefix', text, 'not ADDRESS/LENGTH or an address', where, 'for example 10.0.0.0/8');
  const bits = bytes.length * 8;
  const length = slash < 0 ? bits : parseInteger(text.slice(slash + 1), { kind: 'prefix length', min: 0, max: bits }, where);
  const masked = bytes.map((byte, i) => byte & maskByte(length, i));
  const canonical = `${formatAddress(masked)}/${length}`;
  if (masked.every((byte, i) => byte === bytes[i])) return canonical;
  throw valueError('prefix', text, `bits are set behind its first ${length}`, where, `the prefix is ${canonical}`);
}

/** Prefixes separated by commas, each once, in their order (source-ranges.ts). */
export function parseSourcePrefixes(text: string, where?: string): readonly string[] {
  const seen = new Set<string>();
  for (const prefix of parseList(text, parseSourcePrefix, where)) {
    if (seen.has(prefix)) throw valueError('prefix', prefix, 'given twice', where);
    seen.add(prefix);
  }
  return sortPrefixes(seen);
}

/** The same, or 'none'. */
export function parseSourceRange(text: string, where?: string): readonly string[] {
  return text === 'none' ? [] : parseSourcePrefixes(text, where);
}

/** '600s' or '600': seconds, 1 to a week; or 'none'. */
export function parseAffinity(text: string, where?: string): number | 'none' {
  if (text === 'none') return text;
  const digits = text.endsWith('s') ? text.slice(0, -1) : text;
  if (/^[0-9]+$/.test(digits)) return parseInteger(digits, { kind: 'affinity', min: 1, max: LONGEST_SECONDS }, where);
  throw valueError('affinity', text, 'neither seconds nor "none"', where, 'for example 600s');
}
