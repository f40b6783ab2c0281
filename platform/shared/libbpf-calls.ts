// The foreign functions that libbpf and Windows' ebpfapi.dll share, as far as adapters use them: one table of signatures, and their types.
// Imports nothing. Each adapter declares them in its own library, with what only that has.
// Invariant: int functions return -errno of their platform on failure, pointers are branded BigInts, so that none passes for another.

export type ObjectPtr = bigint & { readonly brand: 'bpf_object' };
export type MapPtr = bigint & { readonly brand: 'bpf_map' };
export type ProgramPtr = bigint & { readonly brand: 'bpf_program' };
export type RingPtr = bigint & { readonly brand: 'ring_buffer' };
export type SamplePtr = bigint & { readonly brand: 'ring_buffer_sample_fn' };

/** Calls the function on a worker thread; resolves to what it returned. Buffers given must stay referenced by the caller. */
export type AsyncCall<Args extends readonly unknown[]> = (...args: [...Args, (error: unknown, result: number) => void]) => void;
export type Call<Args extends readonly unknown[], Result> = ((...args: Args) => Result) & { readonly async: AsyncCall<Args> };

/** Names that libbpf and ebpfapi.dll have in common. */
export interface SharedCalls {
  bpf_object__open_file: Call<[path: string, opts: Buffer], ObjectPtr | null>;
  bpf_object__load: Call<[object: ObjectPtr], number>;
  bpf_object__close: Call<[object: ObjectPtr], void>;
  bpf_object__next_map: Call<[object: ObjectPtr, previous: MapPtr | null], MapPtr | null>;
  bpf_object__next_program: Call<[object: ObjectPtr, previous: ProgramPtr | null], ProgramPtr | null>;
  bpf_map__fd: Call<[map: MapPtr], number>;
  bpf_map__name: Call<[map: MapPtr], string>;
  bpf_program__fd: Call<[program: ProgramPtr], number>;
  bpf_program__name: Call<[program: ProgramPtr], string>;
  bpf_program__set_autoload: Call<[program: ProgramPtr, autoload: boolean], number>;
  bpf_map_create: Call<[type: number, name: string, keySize: number, valueSize: number, maxEntries: number, opts: Buffer], number>;
  bpf_map_lookup_elem: Call<[fd: number, key: Buffer, value: Buffer], number>;
  bpf_map_update_elem: Call<[fd: number, key: Buffer, value: Buffer, flags: number], number>;
  bpf_map_delete_elem: Call<[fd: number, key: Buffer], number>;
  bpf_map_get_next_key: Call<[fd: number, key: Buffer | null, next: Buffer], number>;
  bpf_map_lookup_batch: Call<
    [fd: number, inBatch: Buffer | null, outBatch: Buffer, keys: Buffer, values: Buffer, count: Buffer, opts: Buffer],
    number
  >;
  bpf_map_update_batch: Call<[fd: number, keys: Buffer, values: Buffer, count: Buffer, opts: Buffer], number>;
  bpf_map_delete_batch: Call<[fd: number, keys: Buffer, count: Buffer, opts: Buffer], number>;
  bpf_map_get_fd_by_id: Call<[id: number], number>;
  bpf_prog_get_fd_by_id: Call<[id: number], number>;
  bpf_prog_load: Call<[type: number, name: string, license: string, instructions: Buffer, count: number, opts: Buffer | null], number>;
  bpf_prog_test_run_opts: Call<[fd: number, opts: Buffer], number>;
  bpf_obj_get: Call<[path: string], number>;
  bpf_obj_pin: Call<[fd: number, path: string], number>;
  bpf_obj_get_info_by_fd: Call<[fd: number, info: Buffer, length: Buffer], number>;
  bpf_link_detach: Call<[fd: number], number>;
  ring_buffer__new: Call<[fd: number, sample: SamplePtr, context: null, opts: null], RingPtr | null>;
  ring_buffer__free: Call<[ring: RingPtr], void>;
  ring_buffer__consume: Call<[ring: RingPtr], number>;
  libbpf_num_possible_cpus: Call<[], number>;
  libbpf_get_error: Call<[pointer: bigint | null], number>;
}

export type Signature = readonly [result: string, args: readonly string[]];

export const SHARED_SIGNATURES: { readonly [Name in keyof SharedCalls]: Signature } = {
  bpf_object__open_file: ['void *', ['str', 'void *']],
  bpf_object__load: ['int', ['void *']],
  bpf_object__close: ['void', ['void *']],
  bpf_object__next_map: ['void *', ['void *', 'void *']],
  bpf_object__next_program: ['void *', ['void *', 'void *']],
  bpf_map__fd: ['int', ['void *']],
  bpf_map__name: ['str', ['void *']],
  bpf_program__fd: ['int', ['void *']],
  bpf_program__name: ['str', ['void *']],
  bpf_program__set_autoload: ['int', ['void *', 'bool']],
  bpf_map_create: ['int', ['int', 'str', 'uint32_t', 'uint32_t', 'uint32_t', 'void *']],
  bpf_map_lookup_elem: ['int', ['int', 'void *', 'void *']],
  bpf_map_update_elem: ['int', ['int', 'void *', 'void *', 'uint64_t']],
  bpf_map_delete_elem: ['int', ['int', 'void *']],
  bpf_map_get_next_key: ['int', ['int', 'void *', 'void *']],
  bpf_map_lookup_batch: ['int', ['int', 'void *', 'void *', 'void *', 'void *', 'void *', 'void *']],
  bpf_map_update_batch: ['int', ['int', 'void *', 'void *', 'void *', 'void *']],
  bpf_map_delete_batch: ['int', ['int', 'void *', 'void *', 'void *']],
  bpf_map_get_fd_by_id: ['int', ['uint32_t']],
  bpf_prog_get_fd_by_id: ['int', ['uint32_t']],
  bpf_prog_load: ['int', ['int', 'str', 'str', 'void *', 'size_t', 'void *']],
  bpf_prog_test_run_opts: ['int', ['int', 'void *']],
  bpf_obj_get: ['int', ['str']],
  bpf_obj_pin: ['int', ['int', 'str']],
  bpf_obj_get_info_by_fd: ['int', ['int', 'void *', 'void *']],
  bpf_link_detach: ['int', ['int']],
  ring_buffer__new: ['void *', ['int', 'void *', 'void *', 'void *']],
  ring_buffer__free: ['void', ['void *']],
  ring_buffer__consume: ['int', ['void *']],
  libbpf_num_possible_cpus: ['int', []],
  libbpf_get_error: ['long', ['void *']],
};

/** What a library answers to: koffi's loaded library, as far as it is needed. */
interface Library {
  func(name: string, result: string, args: string[]): unknown;
}

/** Declares these functions; `missing` makes the error of one that the library has not. */
export function declareCalls(
  library: Library,
  signatures: Readonly<Record<string, Signature>>,
  missing: (name: string, cause: unknown) => Error,
): unknown {
  const calls: Record<string, unknown> = {};
  for (const [name, [result, args]] of Object.entries(signatures)) {
    try {
      calls[name] = library.func(name, result, [...args]);
    } catch (error) {
      throw missing(name, error);
    }
  }
  return calls;
}

/** Promise form of `fn.async`: the call runs on a worker thread. The arguments are referenced until it has ended. */
export function callAsync<Args extends readonly unknown[]>(fn: { readonly async: AsyncCall<Args> }, ...args: Args): Promise<number> {
  return new Promise((resolve, reject) => {
    fn.async(...args, (error, result) => (error ? reject(error) : resolve(result)));
  }).then((result) => {
    void args;
    return result as number;
  });
}
