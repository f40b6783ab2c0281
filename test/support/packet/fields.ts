// The list of named fields that a decoded frame is.
// Imports nothing.

export interface Field {
  /** 'ip.ttl'; the inner header of IPIP is 'ip.ip', what an ICMP error quotes is 'icmp.ip', 'icmp.tcp'. */
  readonly name: string;
  readonly text: string;
  /** Set on a checksum that is wrong: what it should be. */
  readonly shouldBe?: string;
}

export const hex = (value: number, digits = 4) => `0x${value.toString(16).padStart(digits, '0')}`;

export class FieldList {
  readonly fields: Field[] = [];

  add(name: string, value: string | number): void {
    this.fields.push({ name, text: String(value) });
  }

  addChecksum(name: string, found: number, right: number): void {
    this.fields.push(found === right ? { name, text: hex(found) } : { name, text: hex(found), shouldBe: hex(right) });
  }

  /** Bytes that have no fields of their own. */
  rest(name: string, data: Buffer): void {
    if (data.length > 0) this.add(`${name} (${data.length} bytes)`, data.toString('hex'));
  }
}
