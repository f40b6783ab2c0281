// A 32-bit hash of text that is the same on every machine and in every release: Maglev tables and digests depend on it.
// Imports nothing. Not for secrets.
// Source: MurmurHash3_x86_32 by Austin Appleby (public domain), over the UTF-8 bytes of the text.

const encoder = new TextEncoder();
/** Keys are short; one buffer for all saves most of the time that hashing takes. UTF-8 needs at most 3 bytes for a UTF-16 unit. */
let scratch = new Uint8Array(256);

/** MurmurHash3 (x86, 32 bits) of the text's UTF-8 bytes; an unsigned 32-bit number. */
export function hashText(text: string, seed: number): number {
  if (text.length * 3 > scratch.length) scratch = new Uint8Array(text.length * 3);
  const bytes = scratch;
  const length = encoder.encodeInto(text, bytes).written;
  const whole = length & ~3;
  let hash = seed | 0;
  for (let i = 0; i < whole; i += 4) {
    const word =
      (bytes[i] as number) | ((bytes[i + 1] as number) << 8) | ((bytes[i + 2] as number) << 16) | ((bytes[i + 3] as number) << 24);
    hash ^= scramble(word);
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  let rest = 0;
  for (let i = length - 1; i >= whole; i--) rest = (rest << 8) | (bytes[i] as number);
  hash ^= scramble(rest) ^ length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function scramble(word: number): number {
  const mixed = Math.imul(word, 0xcc9e2d51);
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
}
