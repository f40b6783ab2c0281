// MAC addresses: 'aa:bb:cc:dd:ee:ff' to six bytes and back.
// Imports nothing.
// The canonical text is lower case with colons, as the kernel prints it.

const MAC = /^[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5}$/;

/** The 256 bytes as two hex digits: MACs are read from every entry of a dump. */
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Six bytes, in the order in which they stand in a frame. Throws TypeError when the text is no MAC: it never comes from a person. */
export function macBytes(mac: string): Uint8Array {
  if (!MAC.test(mac)) throw new TypeError(`not a MAC address: ${mac}`);
  const bytes = new Uint8Array(6);
  for (let i = 0; i < 6; i++) bytes[i] = Number.parseInt(mac.slice(i * 3, i * 3 + 2), 16);
  return bytes;
}

/** Canonical text of six bytes. */
export function formatMac(bytes: Uint8Array): string {
  const hex = (i: number): string => HEX[bytes[i] as number] as string;
  return `${hex(0)}:${hex(1)}:${hex(2)}:${hex(3)}:${hex(4)}:${hex(5)}`;
}
