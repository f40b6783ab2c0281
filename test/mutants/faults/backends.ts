// Faults in the decapsulation on a backend machine.
// Imports the types.

import type { Mutant } from '../mutant.js';

const DECAP = { file: 'test/backends/decap.test.ts', only: 'decap_tc' };

export const backendMutants: readonly Mutant[] = [
  {
    name: 'decap-takes-any-destination',
    file: 'backends/linux/decap.h',
    find: `	if (!bpf_map_lookup_elem(&vips, &inner.destination))
		ruling.reason = DECAP_INNER_NOT_VIP;
	else if`,
    replace: '	if',
    breaks: 'Whoever wraps a packet reaches any address behind the backend.',
    tests: [DECAP],
  },
  {
    name: 'decap-congestion-lost',
    file: 'backends/linux/decap_packet.h',
    find: '	if (outer == DECAP_ECN_CE || (outer',
    replace: '	if ((outer',
    breaks: 'A congestion mark of the outer header is lost (RFC 6040).',
    tests: [DECAP],
  },
  {
    name: 'decap-congestion-checksum',
    file: 'backends/linux/decap_packet.h',
    find: '	ip->check = bpf_htons((__u16)~sum);\n',
    replace: '',
    breaks: 'An inner IPv4 header that gets a congestion mark has a wrong checksum: the stack drops the packet.',
    tests: [DECAP],
  },
  {
    name: 'decap-mapped-address',
    file: 'backends/linux/decap_ipv6.h',
    find: 'return word[0] || word[1] || word[2] != bpf_htonl(0xffff);',
    replace: 'return 1;',
    breaks: 'An IPv6 packet to ::ffff:a.b.c.d is taken for one to the IPv4 VIP a.b.c.d.',
    tests: [DECAP],
  },
  {
    name: 'decap-any-extension',
    file: 'backends/linux/decap_ipv6.h',
    find: `	if (others || limits > 1)
		return DECAP_OUTER_OPTIONS;
`,
    replace: '',
    breaks: 'Outer options that ask for something are thrown away, and what stands behind 40 bytes is taken for the inner packet.',
    tests: [DECAP],
  },
  {
    name: 'decap-older-kernel',
    file: 'backends/linux/decap_tc.c',
    find: 'bytes -= shorter;',
    replace: 'bytes -= shorter / 2;',
    breaks: 'On a kernel before 6.3, IPv4 in IPv6 loses 10 bytes of the inner packet.',
    tests: [{ file: 'test/backends/decap.test.ts', only: 'decap_tc on an older kernel' }],
  },
  {
    name: 'backend-begins-from-a-vip',
    file: 'backends/linux/lib/network.sh',
    find: ' nodad preferred_lft 0',
    replace: ' nodad',
    breaks: 'What the backend begins itself can go out from a VIP, and the answers go to the load balancer.',
    tests: [{ file: 'test/backends/install-ipv6.test.ts', only: 'of its own' }],
  },
];
