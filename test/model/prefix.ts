// Prefixes of addresses as plain data: which addresses lie in one, and the one of so many bits that an address lies in.
// Imports nothing. Addresses are hex text, as in state.ts.
// Invariant: bits behind a prefix are 0.

export interface Prefix {
  readonly address: string;
  /** Bits that count, from the first. */
  readonly bits: number;
}

export const widthOf = (address: string): number => address.length * 4;

/** The prefix of `bits` bits that the address lies in. */
export function prefixOf(address: string, bits: number): Prefix {
  const behind = BigInt(widthOf(address) - bits);
  const cut = (BigInt(`0x${address}`) >> behind) << behind;
  return { address: cut.toString(16).padStart(address.length, '0'), bits };
}

export const holds = (prefix: Prefix, address: string): boolean =>
  widthOf(prefix.address) === widthOf(address) && prefixOf(address, prefix.bits).address === prefix.address;

/** The longest of those that hold the address. */
export function longest<Kind extends Prefix>(prefixes: readonly Kind[], address: string): Kind | undefined {
  return prefixes.filter((prefix) => holds(prefix, address)).sort((a, b) => b.bits - a.bits)[0];
}
