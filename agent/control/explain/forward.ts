// How a packet leaves towards its backend: what is changed of it, how large one may be, and the way of the replies.
// Imports agent/datapath, agent/model and its siblings.

import type { BackendEntry } from '../../datapath/backend-table.js';
import { outerSource } from '../../datapath/outer-source.js';
import type { Trace } from '../../datapath/trace.js';
import { familyOf } from '../../model/address.js';
import { formatEndpoint } from '../../model/format.js';
import type { FlowTuple, FrameView } from '../../model/frame.js';
import type { Action } from '../../model/service.js';
import type { Decision, Steps } from './steps.js';
import type { Surroundings } from './surroundings.js';

export interface SnatEnd {
  readonly address: string;
  readonly port: number;
}

export interface Forwarding {
  readonly backend: BackendEntry;
  readonly action: Action;
  /** Of SNAT: what the flow has towards the backend. */
  readonly snat: SnatEnd | undefined;
  /** The flow has no entry. */
  readonly untracked: boolean;
}

const OUTER = { 4: 20, 6: 40 } as const;
/** Of a packet that the explanation is about. */
const HOPS = 63;

/** The last steps of a packet that goes to a backend. */
export function forward(trace: Trace, around: Surroundings, { backend, action, snat, untracked }: Forwarding, steps: Steps): Decision {
  const { tuple, layout } = trace;
  const to = steps.backend ?? { address: backend.address, port: backend.port };
  const service = formatEndpoint({ address: tuple.daddr, port: tuple.dport });
  const hop = backend.nextHop;
  if (action === 'local' || hop === undefined) {
    return steps.end('action', 'local: the packet passes to this node, unchanged', 'pass', 'local_backend');
  }
  const flow: FlowTuple = {
    source: tuple.saddr,
    sourcePort: tuple.sport,
    destination: tuple.daddr,
    destinationPort: tuple.dport,
    protocol: tuple.protocol,
  };
  const macs = { sourceMac: hop.srcMac, destinationMac: hop.dstMac, hops: HOPS };
  const bytes = frameBytes(trace);
  const verdict = hop.ifindex === around.ingress.ifindex ? 'tx' : 'redirect';
  const decide = (frame: FrameView, reason: string): Decision => steps.decide(verdict, untracked ? 'dsr_untracked' : reason, frame);
  if (action === 'snat' && snat !== undefined) {
    steps.add('action', `snat: source ${formatEndpoint(snat)}, destination ${formatEndpoint(to)}, one hop less`);
    steps.add('MTU', unchanged(trace, hop.mtu));
    steps.add('reply', `to ${formatEndpoint(snat)}, found in ${layout.maps.snat}: to the client as from ${service}`);
    const frame = {
      source: snat.address,
      sourcePort: snat.port,
      destination: to.address,
      destinationPort: to.port,
      protocol: tuple.protocol,
    };
    return decide({ ...frame, ...macs, bytes, outer: undefined }, 'snat_request');
  }
  const reply = `from the backend straight to the client, as from ${service}: it does not come by here`;
  if (action === 'dsr-l2') {
    steps.add('action', `dsr-l2: the packet goes to the backend's MAC address as it is, one hop less`);
    steps.add('MTU', unchanged(trace, hop.mtu));
    steps.add('reply', reply);
    return decide({ ...flow, ...macs, bytes, outer: undefined }, 'dsr_l2');
  }
  const length = OUTER[familyOf(backend.address)];
  const outer = { source: outerSource(trace.config, backend, tuple) ?? '', destination: backend.address };
  steps.add('action', `${action}: ${length} bytes of outer header in front, ${outer.source} -> ${outer.destination}; inside one hop less`);
  const fits = `a packet may have ${hop.mtu - length} bytes: ${hop.mtu} less the outer header`;
  if (trace.bytes > hop.mtu - length) return tooBig(trace, `this one has ${trace.bytes}, and ${fits}`, steps);
  steps.add('MTU', fits);
  steps.add('reply', reply);
  return decide({ ...flow, ...macs, bytes: bytes + length, outer }, 'dsr_ipip');
}

/** The program does not look at the length of what it does not make longer. */
function unchanged({ bytes }: Trace, mtu: number): string {
  const text = `a packet may have ${mtu} bytes: it grows by nothing`;
  return bytes > mtu ? `${text}; this one has ${bytes}, which the device will not send` : text;
}

/** Packets of an explanation forbid fragments: the sender is told, within the bound on answers. */
function tooBig({ config }: Trace, text: string, steps: Steps): Decision {
  if (config.answerRate === 0) return steps.end('MTU', `${text}; dropped`, 'drop', 'too_big');
  return steps.end('MTU', `${text}: the client is told so`, 'tx', 'too_big_answered');
}

/** Bytes of the frame that the explanation is about. */
export function frameBytes({ bytes }: Pick<Trace, 'bytes'>): number {
  return 14 + bytes;
}
