// The foreign functions of libbpf: those that it shares with Windows' ebpfapi.dll, and its own.
// May import koffi, platform/shared/libbpf-calls and agent/model/errors. Nothing is declared until loadLibbpf() is called, once a process.
// Invariant: int functions return -errno on failure (libbpf 1.x; 0.x is switched to that).

import koffi from 'koffi';
import { FairleadError } from '../../agent/model/errors.js';
import {
  type Call,
  declareCalls,
  type MapPtr,
  type RingPtr,
  SHARED_SIGNATURES,
  type SharedCalls,
  type Signature,
} from '../shared/libbpf-calls.js';

export type PrintPtr = bigint & { readonly brand: 'libbpf_print_fn' };

/** Names that only libbpf has. */
export interface LinuxCalls {
  bpf_map__set_pin_path: Call<[map: MapPtr, path: string | null], number>;
  bpf_map__set_type: Call<[map: MapPtr, type: number], number>;
  bpf_map__set_max_entries: Call<[map: MapPtr, count: number], number>;
  bpf_map__set_map_flags: Call<[map: MapPtr, flags: number], number>;
  bpf_link_create: Call<[programFd: number, target: number, attachType: number, opts: Buffer], number>;
  bpf_link_update: Call<[linkFd: number, programFd: number, opts: Buffer | null], number>;
  bpf_btf_get_fd_by_id: Call<[id: number], number>;
  libbpf_set_print: Call<[print: PrintPtr | null], unknown>;
  ring_buffer__epoll_fd: Call<[ring: RingPtr], number>;
}

export type Libbpf = SharedCalls & LinuxCalls;

const LINUX: { readonly [Name in keyof LinuxCalls]: Signature } = {
  bpf_map__set_pin_path: ['int', ['void *', 'str']],
  bpf_map__set_type: ['int', ['void *', 'int']],
  bpf_map__set_max_entries: ['int', ['void *', 'uint32_t']],
  bpf_map__set_map_flags: ['int', ['void *', 'uint32_t']],
  bpf_link_create: ['int', ['int', 'int', 'int', 'void *']],
  bpf_link_update: ['int', ['int', 'int', 'void *']],
  bpf_btf_get_fd_by_id: ['int', ['uint32_t']],
  libbpf_set_print: ['void *', ['void *']],
  ring_buffer__epoll_fd: ['int', ['void *']],
};

let loaded: Libbpf | undefined;

/** Opens libbpf and declares its functions, once. Throws FL_E_MISSING when it is not installed or too old. */
export function loadLibbpf(): Libbpf {
  loaded ??= declareAll(openLibrary());
  return loaded;
}

function openLibrary(): ReturnType<typeof koffi.load> {
  const problems: string[] = [];
  for (const name of ['libbpf.so.1', 'libbpf.so.0']) {
    try {
      return koffi.load(name);
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new FairleadError('FL_E_MISSING', `libbpf cannot be loaded: ${problems[0]}`, {
    hint: 'install it: apt-get install libbpf1 (Fedora: dnf install libbpf)',
  });
}

function declareAll(library: ReturnType<typeof koffi.load>): Libbpf {
  const missing = (name: string, cause: unknown): FairleadError =>
    new FairleadError('FL_E_MISSING', `the libbpf of this machine has no function ${name}`, {
      hint: 'install libbpf 0.8 or later: apt-get install libbpf1',
      cause,
    });
  const calls = declareCalls(library, { ...SHARED_SIGNATURES, ...LINUX }, missing);
  useNegativeErrno(library);
  return calls as Libbpf;
}

/** libbpf 0.x returns -1 from some functions until asked for the 1.0 ways; 1.x ignores the call. */
function useNegativeErrno(library: ReturnType<typeof koffi.load>): void {
  const strictAll = 0xffffffff;
  try {
    library.func('libbpf_set_strict_mode', 'int', ['uint32_t'])(strictAll);
  } catch {
    // A later libbpf that has dropped the function has the new ways alone.
  }
}
