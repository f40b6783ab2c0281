// Faults of the Windows flavour alone, and faults that no kernel here would load: the interpreter and the profile check are asked.
// Imports the types. Each is a slip that a person makes, in the data plane's C.

import type { Mutant, TestRun } from '../mutant.js';

const WINDOWS: TestRun = {
  file: 'test/bpf/interpreted.test.ts',
  only: 'packets on Windows, interpreted, settings in the config map, IPv4',
};
const DAMAGE: TestRun = { file: 'test/bpf/malformed.test.ts', only: 'damaged packets on Windows, interpreted' };
const PROFILE: TestRun = { file: 'test/bpf/windows-profile.test.ts' };

export const windowsMutants: readonly Mutant[] = [
  {
    name: 'windows-verdict-of-linux',
    file: 'bpf/platform/windows.h',
    find: '#define FL_PASS 1',
    replace: '#define FL_PASS 2',
    breaks: "Windows drops what is not for Fairlead, the machine's own traffic with it.",
    tests: [WINDOWS],
  },
  {
    name: 'windows-lru-of-linux',
    file: 'bpf/platform/windows.h',
    find: '#define FL_MAP_LRU_HASH 8',
    replace: '#define FL_MAP_LRU_HASH 9',
    breaks: 'On Windows the tables of fragments and affinity are tries, which find nothing.',
    tests: [WINDOWS],
  },
  {
    name: 'windows-head-grows-inwards',
    file: 'bpf/platform/windows.h',
    find: 'return bpf_xdp_adjust_head(ctx, -bytes);',
    replace: 'return bpf_xdp_adjust_head(ctx, bytes);',
    breaks: 'On Windows an outer header is written over the packet.',
    tests: [WINDOWS],
  },
  {
    name: 'windows-clock-of-linux',
    file: 'bpf/platform/windows.h',
    find: '(*const bpf_ktime_get_ns)(void) = (void *)9',
    replace: '(*const bpf_ktime_get_ns)(void) = (void *)44',
    breaks: 'The Windows object calls a helper that is not there, and does not load.',
    tests: [PROFILE],
  },
  {
    name: 'windows-map-flags',
    file: 'bpf/platform/windows.h',
    find: '#define FL_MAP_GROWING 0',
    replace: '#define FL_MAP_GROWING 1',
    breaks: 'The Windows object has a map with flags, which later versions refuse.',
    tests: [PROFILE],
  },
  {
    name: 'tcp-header-unchecked',
    file: 'bpf/parse/l4.h',
    find: '		if ((void *)l4 + sizeof(struct tcphdr) > end)\n			return 0;\n',
    replace: '',
    breaks: 'A TCP header that ends behind the frame is read: verifiers refuse the program.',
    tests: [DAMAGE],
  },
];
