// Faults in the decapsulation on a backend machine.
// Imports the types.

import type { Mutant } from '../mutant.js';

const DECAP = { file: 'test/backends/decap.test.ts', only: 'decap_tc' };

export const backendMutants: readonly Mutant[] = [
  {
    name: 'decap-takes-any-destination',
    file: 'backends/linux/decap_ipv4.h',
    find: `	if (!bpf_map_lookup_elem(&vips, &key))
		return decap_refuse(DECAP_INNER_NOT_VIP);
`,
    replace: '',
    breaks: 'Whoever wraps a packet reaches any address behind the backend.',
    tests: [DECAP],
  },
  {
    name: 'decap-congestion-lost',
    file: 'backends/linux/decap_ipv4.h',
    find: '	inner->tos |= DECAP_ECN_CE;\n',
    replace: '',
    breaks: 'A congestion mark of the outer header is lost (RFC 6040), and the inner checksum is wrong.',
    tests: [DECAP],
  },
];
