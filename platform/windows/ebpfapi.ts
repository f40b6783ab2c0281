// The foreign functions of ebpfapi.dll: those that it shares with libbpf, and its own.
// May import koffi, platform/shared/libbpf-calls and agent/model/errors. Nothing is declared until loadEbpfApi() is called, once a process.
// Invariant: int functions return -errno on failure, with the numbers of Windows' C library.

import koffi from 'koffi';
import { FairleadError } from '../../agent/model/errors.js';
import { type Call, declareCalls, type ObjectPtr, SHARED_SIGNATURES, type SharedCalls, type Signature } from '../shared/libbpf-calls.js';

/** Names that libbpf has not, or that our Linux adapter does without. Those that begin with ebpf_ answer with an ebpf_result_t: 0, or what went wrong. */
export interface WindowsCalls {
  bpf_link_get_fd_by_id: Call<[id: number], number>;
  bpf_link_get_next_id: Call<[start: number, next: Buffer], number>;
  bpf_xdp_attach: Call<[ifindex: number, programFd: number, flags: number, opts: null], number>;
  bpf_xdp_query_id: Call<[ifindex: number, flags: number, id: Buffer], number>;
  ebpf_close_fd: Call<[fd: number], number>;
  ebpf_object_unpin: Call<[path: string], number>;
  ebpf_object_set_execution_type: Call<[object: ObjectPtr, type: number], number>;
  ebpf_get_next_pinned_object_path: Call<[start: string, next: Buffer, room: number, type: Buffer], number>;
  /** `report` and `error`: room for a pointer each, to be freed by ebpf_free_string; `file` alone must be given. */
  ebpf_api_elf_verify_program_from_file: Call<
    [file: string, section: null, program: string, type: null, verbosity: number, report: Buffer, error: Buffer, stats: null],
    number
  >;
  ebpf_free_string: Call<[text: bigint], void>;
}

export type EbpfApi = SharedCalls & WindowsCalls;

const WINDOWS: { readonly [Name in keyof WindowsCalls]: Signature } = {
  bpf_link_get_fd_by_id: ['int', ['uint32_t']],
  bpf_link_get_next_id: ['int', ['uint32_t', 'void *']],
  bpf_xdp_attach: ['int', ['int', 'int', 'uint32_t', 'void *']],
  bpf_xdp_query_id: ['int', ['int', 'int', 'void *']],
  ebpf_close_fd: ['int', ['int']],
  ebpf_object_unpin: ['uint32_t', ['str']],
  ebpf_object_set_execution_type: ['uint32_t', ['void *', 'int']],
  ebpf_get_next_pinned_object_path: ['uint32_t', ['str', 'void *', 'size_t', 'void *']],
  ebpf_api_elf_verify_program_from_file: ['uint32_t', ['str', 'str', 'str', 'void *', 'int', 'void *', 'void *', 'void *']],
  ebpf_free_string: ['void', ['void *']],
};

/** In libbpf only: no program is loaded by its instructions here. */
const { bpf_prog_load: _, ...SHARED } = SHARED_SIGNATURES;

let loaded: EbpfApi | undefined;

/** Opens the library and declares its functions, once. Throws FL_E_MISSING when eBPF for Windows is not installed, or too old. */
export function loadEbpfApi(): EbpfApi {
  loaded ??= declareAll();
  return loaded;
}

function declareAll(): EbpfApi {
  const hint = 'install eBPF for Windows: docs/windows.md';
  let library: ReturnType<typeof koffi.load>;
  try {
    library = koffi.load('ebpfapi.dll');
  } catch (cause) {
    throw new FairleadError('FL_E_MISSING', `ebpfapi.dll cannot be loaded: ${(cause as Error).message}`, { hint, cause });
  }
  return declareCalls(
    library,
    { ...SHARED, ...WINDOWS },
    (name, cause) => new FairleadError('FL_E_MISSING', `ebpfapi.dll has no ${name}: it is too old`, { hint, cause }),
  ) as EbpfApi;
}
