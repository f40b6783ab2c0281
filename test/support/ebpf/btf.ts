// The maps that an object declares, read from the types (BTF) of its section .maps.
// Imports nothing. The format is Documentation/bpf/btf.rst's; the declarations' is libbpf's: numbers are lengths of arrays that nobody has.
// Invariant: of types that no map needs only the lengths are known, so that the rest of the file is read rightly.

export interface DeclaredMap {
  readonly name: string;
  /** The platform's number. */
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  /** Declared with LIBBPF_PIN_BY_NAME. */
  readonly pinned: boolean;
  /** Of maps of maps. */
  readonly inner: DeclaredMap | undefined;
  /** What it declares besides, which nobody here knows. */
  readonly unknown: readonly string[];
}

interface Member {
  readonly name: string;
  readonly type: number;
}

interface Type {
  readonly kind: number;
  readonly name: string;
  /** Size in bytes, or the type that it refers to, as the kind has it. */
  readonly of: number;
  readonly members: readonly Member[];
  /** Of arrays. */
  readonly element: number;
  readonly length: number;
}

const [
  INT,
  PTR,
  ARRAY,
  STRUCT,
  UNION,
  ENUM,
  FWD,
  TYPEDEF,
  VOLATILE,
  CONST,
  RESTRICT,
  FUNC,
  FUNC_PROTO,
  VAR,
  DATASEC,
  FLOAT,
  DECL_TAG,
  TYPE_TAG,
  ENUM64,
] = Array.from({ length: 19 }, (_, i) => i + 1) as [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19];
/** Bytes behind a type's 12: a fixed part, and so many for each of its members. */
const EXTRA: Readonly<Record<number, readonly [number, number]>> = {
  [INT]: [4, 0],
  [PTR]: [0, 0],
  [ARRAY]: [12, 0],
  [STRUCT]: [0, 12],
  [UNION]: [0, 12],
  [ENUM]: [0, 8],
  [FWD]: [0, 0],
  [TYPEDEF]: [0, 0],
  [VOLATILE]: [0, 0],
  [CONST]: [0, 0],
  [RESTRICT]: [0, 0],
  [FUNC]: [0, 0],
  [FUNC_PROTO]: [0, 8],
  [VAR]: [4, 0],
  [DATASEC]: [0, 12],
  [FLOAT]: [0, 0],
  [DECL_TAG]: [4, 0],
  [TYPE_TAG]: [0, 0],
  [ENUM64]: [0, 12],
};
const MODIFIERS: readonly number[] = [TYPEDEF, VOLATILE, CONST, RESTRICT, TYPE_TAG];
const KNOWN = ['type', 'key', 'key_size', 'value', 'value_size', 'max_entries', 'map_flags', 'pinning', 'values'];

/** The maps of a section .BTF, in the order of their names' types. Throws an Error for what is no BTF. */
export function declaredMaps(btf: Buffer): readonly DeclaredMap[] {
  const types = readTypes(btf);
  const section = types.find(({ kind, name }) => kind === DATASEC && name === '.maps');
  return (section?.members ?? []).map(({ type }) => {
    const variable = types[type] as Type;
    return declared(types, variable.name, variable.of);
  });
}

function readTypes(btf: Buffer): readonly Type[] {
  if (btf.length < 24 || btf.readUInt16LE(0) !== 0xeb9f) throw new Error('a section .BTF that is no BTF');
  const begins = btf.readUInt32LE(4);
  const strings = btf.subarray(begins + btf.readUInt32LE(16));
  const text = (at: number) => strings.toString('utf8', at, strings.indexOf(0, at));
  const types: Type[] = [{ kind: 0, name: 'void', of: 0, members: [], element: 0, length: 0 }];
  let at = begins + btf.readUInt32LE(8);
  const end = at + btf.readUInt32LE(12);
  while (at < end) {
    const info = btf.readUInt32LE(at + 4);
    const kind = (info >>> 24) & 31;
    const [fixed, each] = EXTRA[kind] ?? [undefined, 0];
    if (fixed === undefined) throw new Error(`BTF kind ${kind} is not known`);
    const count = info & 0xffff;
    const body = at + 12;
    const named = kind === STRUCT || kind === UNION;
    const members = Array.from({ length: named || kind === DATASEC ? count : 0 }, (_, i) => {
      const member = body + i * each;
      return named
        ? { name: text(btf.readUInt32LE(member)), type: btf.readUInt32LE(member + 4) }
        : { name: '', type: btf.readUInt32LE(member) };
    });
    const isArray = kind === ARRAY;
    types.push({
      kind,
      name: text(btf.readUInt32LE(at)),
      of: btf.readUInt32LE(at + 8),
      members,
      element: isArray ? btf.readUInt32LE(body) : 0,
      length: isArray ? btf.readUInt32LE(body + 8) : 0,
    });
    at = body + fixed + each * count;
  }
  return types;
}

/** Without typedefs and qualifiers. */
function plain(types: readonly Type[], id: number): Type {
  let type = types[id] as Type;
  while (MODIFIERS.includes(type.kind)) type = types[type.of] as Type;
  return type;
}

function sizeOf(types: readonly Type[], id: number): number {
  const type = plain(types, id);
  if (type.kind === PTR) return 8;
  if (type.kind === ARRAY) return type.length * sizeOf(types, type.element);
  return type.of;
}

function declared(types: readonly Type[], name: string, id: number): DeclaredMap {
  const { members } = plain(types, id);
  const member = (wanted: string): Type | undefined => {
    const found = members.find((one) => one.name === wanted);
    return found && plain(types, found.type);
  };
  const pointed = (wanted: string): Type => plain(types, member(wanted)?.of ?? 0);
  const number = (wanted: string): number => pointed(wanted).length;
  const size = (wanted: string): number => {
    const type = member(wanted);
    return type === undefined ? number(`${wanted}_size`) : sizeOf(types, type.of);
  };
  const values = member('values');
  const inner = values === undefined ? undefined : plain(types, plain(types, values.element).of);
  return {
    name,
    type: number('type'),
    keySize: size('key'),
    valueSize: values === undefined ? size('value') : 4,
    maxEntries: number('max_entries'),
    flags: number('map_flags'),
    pinned: number('pinning') === 1,
    inner: inner === undefined ? undefined : declared(types, `${name}'s inner`, types.indexOf(inner)),
    unknown: members.map((one) => one.name).filter((one) => !KNOWN.includes(one)),
  };
}
