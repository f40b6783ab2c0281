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
  { name: 'not_ipv4', kind: 'pass', text: 'not IPv4' },
  { name: 'local', kind: 'pass', text: 'for an address of this node' },
  { name: 'no_service', kind: 'pass', text: 'for no service' },
  { name: 'protocol', kind: 'pass', text: 'IPv4, but neither TCP nor UDP' },
  { name: 'fragment', kind: 'pass', text: 'IPv4 fragment' },
  { name: 'ip_options', kind: 'pass', text: 'IPv4 header with options' },
  { name: 'malformed', kind: 'pass', text: 'truncated, or lengths that contradict each other' },
  { name: 'ttl_expired', kind: 'pass', text: 'time to live ended here' },
  { name: 'no_backend', kind: 'drop', text: 'the service has no backend that takes new flows' },
  { name: 'unresolved', kind: 'drop', text: "the backend's MAC address is not known yet" },
  { name: 'snat_ports', kind: 'drop', text: 'no free SNAT port towards the backend' },
  { name: 'new_flow_rate', kind: 'drop', text: 'too many new SNAT flows on this CPU' },
  { name: 'too_big', kind: 'drop', text: 'packet and outer header exceed the MTU towards the backend' },
  { name: 'map_update', kind: 'drop', text: 'the kernel refused a map entry' },
  { name: 'adjust_head', kind: 'drop', text: 'the driver left no room for the outer header' },
  { name: 'config', kind: 'pass', text: 'the config map has no valid entry' },
];
