// MAC addresses: 'aa:bb:cc:dd:ee:ff' to six bytes and back.
// Imports nothing. The canonical text is lower case with colons, as the kernel prints it.

const MAC = /^[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5}$/;

/** Six bytes, in the order in which they stand in a frame. Throws TypeError when the text is no MAC: it never comes from a person. */
export function macBytes(mac: string): Uint8Array {
  if (!MAC.test(mac)) throw new TypeError(`not a MAC address: ${mac}`);
  return Uint8Array.from(mac.split(':'), (part) => Number.parseInt(part, 16));
}

/** Canonical text of six bytes. */
export function formatMac(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}
