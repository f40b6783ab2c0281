// Structures of the data plane as data: fields with offsets, and their translation to bytes and back.
// Imports agent/model only. layout.ts declares the structures with it.
// Invariant: encoding leaves every byte that no field covers at 0, as the keys of hash maps need.

import { addressBytes, formatAddress } from '../model/address.js';
import { formatMac, macBytes } from '../model/mac.js';

export interface FieldType<Value> {
  /** Bytes. */
  readonly size: number;
  read(buffer: Buffer, at: number): Value;
  write(buffer: Buffer, at: number, value: Value): void;
}

export interface Field<Value> {
  /** Bytes from the beginning of the structure. */
  readonly offset: number;
  readonly type: FieldType<Value>;
}

export type Fields = Readonly<Record<string, Field<unknown>>>;
export type ValuesOf<F extends Fields> = { readonly [Name in keyof F]: F[Name] extends Field<infer Value> ? Value : never };
/** The plain object that a structure decodes to. */
export type Decoded<S> = S extends Struct<infer F> ? ValuesOf<F> : never;

/** A structure of bpf/layout.h. Field names are the C names in camel case. */
export class Struct<F extends Fields> {
  readonly name: string;
  /** Bytes, padding included. */
  readonly size: number;
  readonly fields: F;
  readonly #entries: readonly (readonly [string, Field<unknown>])[];

  constructor(name: string, size: number, fields: F) {
    this.name = name;
    this.size = size;
    this.fields = fields;
    this.#entries = Object.entries(fields);
  }

  /** The structure that stands at byte `at`. The result holds copies. */
  decode(buffer: Buffer, at = 0): ValuesOf<F> {
    const values: Record<string, unknown> = {};
    for (const [name, field] of this.#entries) values[name] = field.type.read(buffer, at + field.offset);
    return values as ValuesOf<F>;
  }

  encode(values: ValuesOf<F>): Buffer {
    const buffer = Buffer.alloc(this.size);
    for (const [name, field] of this.#entries) field.type.write(buffer, field.offset, values[name]);
    return buffer;
  }
}

const u8: FieldType<number> = {
  size: 1,
  read: (buffer, at) => buffer.readUInt8(at),
  write: (buffer, at, value) => void buffer.writeUInt8(value, at),
};
const u16: FieldType<number> = {
  size: 2,
  read: (buffer, at) => buffer.readUInt16LE(at),
  write: (buffer, at, value) => void buffer.writeUInt16LE(value, at),
};
const u32: FieldType<number> = {
  size: 4,
  read: (buffer, at) => buffer.readUInt32LE(at),
  write: (buffer, at, value) => void buffer.writeUInt32LE(value, at),
};
/** Three bytes, and five: bit fields of one word that begin and end with a byte. */
const u24: FieldType<number> = {
  size: 3,
  read: (buffer, at) => buffer.readUIntLE(at, 3),
  write: (buffer, at, value) => void buffer.writeUIntLE(value, at, 3),
};
const u40: FieldType<number> = {
  size: 5,
  read: (buffer, at) => buffer.readUIntLE(at, 5),
  write: (buffer, at, value) => void buffer.writeUIntLE(value, at, 5),
};
/** Counters: exact up to 2^53, which no counter of packets or bytes reaches in the life of a machine. */
const u64: FieldType<number> = {
  size: 8,
  read: (buffer, at) => buffer.readUInt32LE(at) + buffer.readUInt32LE(at + 4) * 0x1_0000_0000,
  write: (buffer, at, value) => void buffer.writeBigUInt64LE(BigInt(value), at),
};
/** A port: network order in the map, host order here. */
const be16: FieldType<number> = {
  size: 2,
  read: (buffer, at) => buffer.readUInt16BE(at),
  write: (buffer, at, value) => void buffer.writeUInt16BE(value, at),
};

/** Canonical address text; `size` bytes (4 or 16) in network order in the map. */
function addressOf(size: 4 | 16): FieldType<string> {
  return {
    size,
    read: (buffer, at) => formatAddress(buffer.subarray(at, at + size)),
    write: (buffer, at, value) => {
      const bytes = addressBytes(value);
      if (bytes.length !== size) throw new TypeError(`${value} does not have ${size} bytes`);
      buffer.set(bytes, at);
    },
  };
}

/** Bytes as they stand; fewer where the buffer ends before, zeros where fewer are written. Not a copy. */
function bytes(size: number): FieldType<Uint8Array> {
  return {
    size,
    read: (buffer, at) => buffer.subarray(at, at + size),
    write: (buffer, at, value) => void buffer.set(value.subarray(0, size), at),
  };
}

const mac: FieldType<string> = {
  size: 6,
  read: (buffer, at) => formatMac(buffer.subarray(at, at + 6)),
  write: (buffer, at, value) => void buffer.set(macBytes(value), at),
};

/** One byte that stands for a word of `words`, counted from 1; 0 and unknown numbers are undefined here. */
function wordOf<Word extends string>(words: readonly Word[]): FieldType<Word | undefined> {
  return {
    size: 1,
    read: (buffer, at) => words[buffer.readUInt8(at) - 1],
    write: (buffer, at, value) => void buffer.writeUInt8(value === undefined ? 0 : words.indexOf(value) + 1, at),
  };
}

/** `length` values, one after the other. */
function arrayOf<Value>(type: FieldType<Value>, length: number): FieldType<readonly Value[]> {
  return {
    size: type.size * length,
    read: (buffer, at) => Array.from({ length }, (_, i) => type.read(buffer, at + i * type.size)),
    write: (buffer, at, values) => {
      if (values.length !== length) throw new TypeError(`${values.length} values for an array of ${length}`);
      for (const [i, value] of values.entries()) type.write(buffer, at + i * type.size, value);
    },
  };
}

/** A structure within another. */
function structOf<F extends Fields>(struct: Struct<F>): FieldType<ValuesOf<F>> {
  return {
    size: struct.size,
    read: (buffer, at) => struct.decode(buffer, at),
    write: (buffer, at, value) => void buffer.set(struct.encode(value), at),
  };
}

/** 64 bits of which every one counts: seeds. */
const bits64: FieldType<bigint> = {
  size: 8,
  read: (buffer, at) => buffer.readBigUInt64LE(at),
  write: (buffer, at, value) => void buffer.writeBigUInt64LE(value, at),
};

/** Types of fields. */
export const T = {
  u8,
  u16,
  u24,
  u32,
  u40,
  u64,
  bits64,
  be16,
  address4: addressOf(4),
  address6: addressOf(16),
  mac,
  bytes,
  wordOf,
  arrayOf,
  structOf,
} as const;

export function field<Value>(offset: number, type: FieldType<Value>): Field<Value> {
  return { offset, type };
}
