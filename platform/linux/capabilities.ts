// What this kernel can do, found by trying it, never by version.
// May import platform/port and its siblings.
// Invariant: missing permission is an error, not a missing capability.

import type { Capabilities } from '../port.js';
import type { Context } from './context.js';
import { ERRNO, systemError } from './errno.js';
import { add, call, copy, EXIT, type Instruction, loadInstructions, set, storeOnStack, XDP_HAS_FRAGS } from './instructions.js';

const HELPER_REDIRECT = 23;
const HELPER_XDP_GET_BUFF_LEN = 188;
const HELPER_FIB_LOOKUP = 69;
const HELPER_TCP_RAW_GEN_SYNCOOKIE_IPV4 = 204;
const FIB_LOOKUP_BYTES = 64; // struct bpf_fib_lookup

/** Each is tried when first asked for. The getters throw FL_E_PERMISSION. */
export function probeCapabilities(context: Context): Capabilities {
  const known = new Map<string, boolean>();
  const once = (name: string, probe: () => boolean): boolean => {
    const value = known.get(name) ?? probe();
    known.set(name, value);
    return value;
  };
  return {
    get atomicReplace() {
      return once('atomicReplace', () => canUpdateLinks(context));
    },
    get fibLookup() {
      return once('fibLookup', () => canLoad(context, 'fl_probe_fib', callFibLookup()));
    },
    get redirect() {
      return once('redirect', () => canLoad(context, 'fl_probe_redir', [set(1, 1), set(2, 0), call(HELPER_REDIRECT), EXIT]));
    },
    get multiBuffer() {
      return once('multiBuffer', () => canLoad(context, 'fl_probe_frags', [call(HELPER_XDP_GET_BUFF_LEN), set(0, 2), EXIT], XDP_HAS_FRAGS));
    },
    get synCookies() {
      return once('synCookies', () => canLoad(context, 'fl_probe_syn', callSynCookie()));
    },
    loadsObjects: true,
    growsHead: true,
  };
}

/** A kernel that knows BPF_LINK_UPDATE looks at the link's descriptor first (EBADF); an older one refuses the command (EINVAL). */
function canUpdateLinks(context: Context): boolean {
  const result = context.bpf.bpf_link_update(-1, -1, null);
  if (result === -ERRNO.EPERM) throw systemError('FL_E_PERMISSION', 'cannot ask the kernel for BPF links', result);
  return result !== -ERRNO.EINVAL;
}

/** bpf_fib_lookup(ctx, params on the stack, its size, 0). */
function callFibLookup(): Instruction[] {
  const clear = Array.from({ length: FIB_LOOKUP_BYTES / 8 }, (_, index) => storeOnStack(-8 * (index + 1), 0));
  const params = [copy(2, 10), add(2, -FIB_LOOKUP_BYTES), set(3, FIB_LOOKUP_BYTES), set(4, 0)];
  return [...clear, ...params, call(HELPER_FIB_LOOKUP), set(0, 2), EXIT];
}

/** bpf_tcp_raw_gen_syncookie_ipv4(IP header on the stack, TCP header there, its size). */
function callSynCookie(): Instruction[] {
  const [ipBytes, tcpBytes] = [24, 24]; // whole words; the headers have 20 bytes each
  const clear = Array.from({ length: (ipBytes + tcpBytes) / 8 }, (_, index) => storeOnStack(-8 * (index + 1), 0));
  const headers = [copy(1, 10), add(1, -ipBytes), copy(2, 10), add(2, -ipBytes - tcpBytes), set(3, 20)];
  return [...clear, ...headers, call(HELPER_TCP_RAW_GEN_SYNCOOKIE_IPV4), set(0, 2), EXIT];
}

function canLoad(context: Context, name: string, instructions: readonly Instruction[], flags = 0): boolean {
  const fd = loadInstructions(context, name, instructions, flags);
  if (fd === -ERRNO.EPERM) throw systemError('FL_E_PERMISSION', 'cannot load BPF programs', fd);
  if (fd < 0) return false;
  context.libc.close(fd);
  return true;
}
