// What channel.c and driver.ts say to each other: rows of fields, each a length and so many bytes; numbers little endian.
// Imports nothing but Node.
// Invariant: a row that has not arrived whole is left for later.

/** `request`: u32 length, fields. `answer`: u32 length, i32 result, fields. */
export type Field = Buffer | string | number;

export interface Request {
  readonly name: string;
  readonly fields: readonly Buffer[];
}

/** What a call answers: the number that the library's function returns (negative: -errno), and what it hands out besides. */
export interface Answer {
  readonly result: number;
  readonly fields?: readonly Field[];
}

/** The first request of what was received, and the rest; undefined when it is not all there. */
export function readRequest(received: Buffer): { request: Request; rest: Buffer } | undefined {
  if (received.length < 4) return undefined;
  const end = 4 + received.readUInt32LE();
  if (received.length < end) return undefined;
  const fields: Buffer[] = [];
  for (let at = 4; at < end; ) {
    const length = received.readUInt32LE(at);
    fields.push(received.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return { request: { name: fields[0]?.toString('latin1') ?? '', fields: fields.slice(1) }, rest: received.subarray(end) };
}

export function writeAnswer({ result, fields = [] }: Answer): Buffer {
  const head = Buffer.alloc(8);
  head.writeInt32LE(result, 4);
  const parts: Buffer[] = [head];
  for (const field of fields) {
    const content = typeof field === 'number' ? u32(field) : Buffer.from(field);
    parts.push(u32(content.length), content);
  }
  const whole = Buffer.concat(parts);
  whole.writeUInt32LE(whole.length - 4);
  return whole;
}

/** 4 bytes, little endian, of a number of either sign. */
export function u32(number: number): Buffer {
  return Buffer.from(Uint32Array.of(number >>> 0).buffer);
}

/** A name in a field of so many bytes, zeros behind it. */
export function fixedName(name: string, bytes: number): Buffer {
  return Buffer.concat([Buffer.from(name.slice(0, bytes - 1), 'utf8')], bytes);
}
