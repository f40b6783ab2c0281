// What every part of the adapter works with: the library.
// May import platform/shared and its siblings ebpfapi.ts and errno.ts.

import { type Closer, Descriptor } from '../shared/descriptor.js';
import { type EbpfApi, loadEbpfApi } from './ebpfapi.js';
import { systemError } from './errno.js';

/** Descriptors are numbers of the library's, not of the C runtime's, and closed by it. */
export interface Context extends Closer {
  readonly api: EbpfApi;
  /** Per-CPU values have one part for each. */
  readonly cpus: number;
}

/** Loads the library. Throws FL_E_MISSING. */
export function createContext(): Context {
  const api = loadEbpfApi();
  return { api, cpus: api.libbpf_num_possible_cpus(), closeFd: (fd) => void api.ebpf_close_fd(fd) };
}

/** Owns what a call answered: a descriptor, or -errno. Throws FL_E_LOAD, FL_E_PERMISSION. */
export function opened(context: Context, answer: number, what: string): Descriptor {
  if (answer < 0) throw systemError('FL_E_LOAD', `cannot open ${what}`, answer);
  return new Descriptor(context, answer, what);
}
