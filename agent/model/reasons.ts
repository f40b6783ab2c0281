// The data plane's ways out, in the order of bpf/reasons.h (a test compares name, kind and text).
// Imports nothing. The index in this list is the key of the metrics map.

export type ReasonKind = 'forward' | 'pass' | 'drop';
export interface Reason {
  readonly name: string;
  readonly kind: ReasonKind;
  readonly text: string;
}

export const REASONS: readonly Reason[] = [
  { name: 'snat_request', kind: 'forward', text: 'request rewritten to the backend' },
  { name: 'snat_reply', kind: 'forward', text: 'reply rewritten to the client' },
  { name: 'dsr_ipip', kind: 'forward', text: 'request wrapped in IPIP to the backend' },
  { name: 'dsr_l2', kind: 'forward', text: "request sent to the backend's MAC address" },
  { name: 'dsr_untracked', kind: 'forward', text: 'DSR request forwarded without a flow entry: too many new flows' },
  { name: 'not_ip', kind: 'pass', text: 'neither IPv4 nor IPv6' },
  { name: 'local', kind: 'pass', text: 'for an address of this node' },
  { name: 'no_service', kind: 'pass', text: 'for no service' },
  { name: 'protocol', kind: 'pass', text: 'neither TCP nor UDP' },
  { name: 'fragment', kind: 'pass', text: 'a fragment' },
  { name: 'ip_headers', kind: 'pass', text: 'more IPv6 extension headers than are walked, or an unknown one' },
  { name: 'malformed', kind: 'pass', text: 'truncated, or lengths that contradict each other' },
  { name: 'ttl_expired', kind: 'pass', text: 'time to live ended here' },
  { name: 'no_backend', kind: 'drop', text: 'the service has no backend that takes new flows' },
  { name: 'unresolved', kind: 'drop', text: "the backend's MAC address is not known yet" },
  { name: 'snat_ports', kind: 'drop', text: 'no free SNAT port towards the backend' },
  { name: 'new_flow_rate', kind: 'drop', text: 'too many new SNAT flows on this CPU' },
  { name: 'flow_table', kind: 'drop', text: 'no slot for an SNAT flow: all that it could have hold live connections' },
  { name: 'too_big', kind: 'drop', text: 'packet and outer header exceed the MTU towards the backend' },
  { name: 'adjust_head', kind: 'drop', text: 'the driver left no room for the outer header' },
  { name: 'config', kind: 'pass', text: 'the config map has no valid entry' },
  { name: 'fragment_early', kind: 'drop', text: 'a later fragment of a datagram whose first one has not come' },
  { name: 'fragment_early_pass', kind: 'pass', text: 'the same, passed by --fragments-early=pass' },
  { name: 'fragment_tiny', kind: 'drop', text: 'a first fragment that does not hold the whole TCP or UDP header' },
  { name: 'fragment_overlap', kind: 'drop', text: 'a later fragment that overlaps the first one' },
  { name: 'headers_split', kind: 'pass', text: 'headers that go beyond the first buffer of the frame' },
  { name: 'source_denied', kind: 'drop', text: "the client's address may not begin a flow of this service" },
  { name: 'icmp_to_client', kind: 'forward', text: 'ICMP error about a request, to its client' },
  { name: 'icmp_to_backend', kind: 'forward', text: 'ICMP error about a reply, to its backend' },
  { name: 'icmp_unknown', kind: 'pass', text: 'an ICMP error about no flow' },
  { name: 'icmp_quote', kind: 'pass', text: 'an ICMP error that quotes too little, or neither TCP nor UDP' },
  { name: 'too_big_answered', kind: 'forward', text: 'packet and outer header exceed the MTU towards the backend: the sender was told' },
  { name: 'too_big_relayed', kind: 'forward', text: 'a link towards the backend is too narrow for a wrapped packet: its client was told' },
  { name: 'client_unresolved', kind: 'pass', text: 'no way known to the client that an ICMP error is for' },
  { name: 'vip_echo', kind: 'forward', text: "echo request to a service's address, answered" },
  { name: 'no_backend_reset', kind: 'forward', text: 'the service has no backend that takes new flows: answered with a TCP reset' },
  {
    name: 'no_backend_unreachable',
    kind: 'forward',
    text: 'the service has no backend that takes new flows: answered with port unreachable',
  },
  { name: 'local_backend', kind: 'pass', text: 'request for a backend that is this node itself' },
  { name: 'no_port', kind: 'drop', text: 'for a virtual address, on a port that no service has' },
  {
    name: 'syn_challenged',
    kind: 'forward',
    text: "a SYN from an address that has not shown to be its sender's: it was asked to",
  },
  { name: 'syn_proven', kind: 'drop', text: "the answer to that, with which the address has shown to be its sender's" },
  { name: 'other_device', kind: 'drop', text: 'the way leads out by another device, and no program can send there on this platform' },
];
