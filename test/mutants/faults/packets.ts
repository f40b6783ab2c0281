// Faults in how packets are rewritten: checksums, byte order, headers.
// Imports the types and runs.ts. Each is a slip that a person makes, in the data plane's C.

import type { Mutant } from '../mutant.js';
import { PACKETS, SEQUENCES } from './runs.js';

export const packetMutants: readonly Mutant[] = [
  {
    name: 'l4-checksum-without-addresses',
    file: 'bpf/balance/snat.h',
    find: '__u64 l4_change = change + checksum_change(',
    replace: '__u64 l4_change = checksum_change(',
    breaks: 'The TCP and UDP checksums leave out the addresses: receivers discard every packet.',
    tests: [PACKETS],
  },
  {
    name: 'ip-checksum-without-ttl',
    file: 'bpf/family/ipv4.h',
    find: 'ip->check = checksum_apply(ip->check, change + checksum_ttl_change());',
    replace: 'ip->check = checksum_apply(ip->check, change);',
    breaks: 'The IP checksum leaves out the TTL: the next router discards every packet.',
    tests: [PACKETS],
  },
  {
    name: 'ttl-kept',
    file: 'bpf/family/ipv4.h',
    find: `	ip->ttl--;
	ip->check = checksum_apply(ip->check, change + checksum_ttl_change());`,
    replace: '	ip->check = checksum_apply(ip->check, change);',
    breaks: 'The TTL does not shrink: a routing loop through the LB never ends.',
    tests: [PACKETS],
  },
  {
    name: 'ttl-1-forwarded',
    file: 'bpf/balance/snat.h',
    find: 'if (packet->facts.hops <= 1)',
    replace: 'if (packet->facts.hops < 1)',
    breaks: 'A reply whose TTL ends here is sent on with TTL 0.',
    tests: [PACKETS],
  },
  {
    name: 'snat-port-in-host-order',
    file: 'bpf/balance/snat.h',
    find: 'source, &backend->address, snat_port, FAMILY(backend_port)',
    replace: 'source, &backend->address, bpf_ntohs(snat_port), FAMILY(backend_port)',
    breaks: 'The source port of a request is swapped: its reply finds no entry.',
    tests: [PACKETS],
  },
  {
    name: 'udp-checksum-0-computed',
    file: 'bpf/checksum.h',
    find: `	if (!check)
		return 0;
`,
    replace: '',
    breaks: 'A UDP packet without a checksum leaves with a wrong one (RFC 768).',
    tests: [PACKETS],
  },
  {
    name: 'udp-checksum-0-sent',
    file: 'bpf/checksum.h',
    find: 'return changed ? changed : 0xffff;',
    replace: 'return changed;',
    breaks: 'A UDP checksum that comes out as 0 is sent as 0, which says "none" (RFC 768).',
    tests: [PACKETS],
  },
  {
    name: 'checksum-folded-short',
    file: 'bpf/checksum.h',
    find: `	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return`,
    replace: `	sum = (sum & 0xffff) + (sum >> 16);
	return`,
    breaks: 'The last carries are lost: some packets have a wrong checksum.',
    tests: [PACKETS, SEQUENCES],
  },
  {
    name: 'reply-macs-swapped',
    file: 'bpf/balance/snat.h',
    find: 'mac_copy(packet->eth->h_dest, reverse->client_mac);',
    replace: 'mac_copy(packet->eth->h_dest, device->mac);',
    breaks: 'Replies are addressed to the LB itself.',
    tests: [PACKETS],
  },
  {
    name: 'reply-by-wrong-device',
    file: 'bpf/balance/snat.h',
    find: 'return finish_to_client(device->ifindex ? fl_send(ctx, device->ifindex) : FL_TX, reason,',
    replace: 'return finish_to_client(FL_TX, reason,',
    breaks: 'Replies leave by the device they came in by, not by the client’s.',
    tests: [PACKETS],
  },
  {
    name: 'reply-without-its-tags',
    file: 'bpf/balance/snat.h',
    find: 'if (((link ^ packet->facts.link) & ~FL_LINK_DEVICE) | (*(__u32 *)reverse->vlan ^ *(const __u32 *)packet->facts.vlan)) {',
    replace: 'if ((link ^ packet->facts.link) & ~FL_LINK_DEVICE) {',
    breaks: 'A reply from a backend’s VLAN stays in it, though the client is in another one.',
    tests: [PACKETS],
  },
  {
    name: 'fragment-forwarded',
    file: 'bpf/family/ipv4.h',
    find: 'if (ip->frag_off & bpf_htons(0x3fff))',
    replace: 'if (ip->frag_off & bpf_htons(0x1fff))',
    breaks: 'First fragments are balanced while the others of the same packet pass.',
    tests: [PACKETS],
  },
  {
    name: 'df-not-copied',
    file: 'bpf/family/ipv4.h',
    find: 'return inner->tos | (inner->frag_off & bpf_htons(0x4000) ? OUTER_DONT_FRAGMENT : 0);',
    replace: 'return inner->tos;',
    breaks: 'The outer header has no DF although the sender asked for it (RFC 2003, 3.1).',
    tests: [PACKETS],
  },
  {
    name: 'outer-length-of-inner',
    file: 'bpf/family/ipv4.h',
    find: 'outer->tot_len = bpf_htons(length + sizeof(*outer));',
    replace: 'outer->tot_len = bpf_htons(length);',
    breaks: 'The outer header gives the inner packet’s length: the backend cuts off 20 bytes.',
    tests: [PACKETS],
  },
  {
    name: 'mtu-without-outer-header',
    file: 'bpf/balance/dsr.h',
    find: 'if (packet->facts.ip_bytes + OUTER_LENGTH > backend->mtu) {',
    replace: 'if (packet->facts.ip_bytes > backend->mtu) {',
    breaks: 'A packet that exceeds the MTU only with its outer header is sent and lost, uncounted.',
    tests: [PACKETS],
  },
];
