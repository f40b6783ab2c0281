// What every part of a trace works with: a packet's way through the live maps, looked up as the program does it (docs/packet-walk.md).
// Imports agent/model and its siblings.
// Invariant: nothing is written; each key that the program would look up for this packet is read through `maps`.

import { decodeBackend, type BackendEntry } from './backend-table.js';
import { FAMILIES, type FamilyLayout, IPV6 } from './families.js';
import type { FlowTimeouts } from './flow-life.js';
import { type Config, encodeIndex, type Flow, type Tuple } from './layout.js';
import type { NotedMaps } from './noted-maps.js';

export interface Trace {
  readonly maps: NotedMaps;
  readonly layout: FamilyLayout;
  readonly config: Config;
  readonly tuple: Tuple;
  /** Ticks. */
  readonly now: number;
  /** Of the IP packet. */
  readonly bytes: number;
  /** The server id in its QUIC connection id, hex; undefined: it has none. */
  readonly quicId: string | undefined;
}

export function timeoutsOf(config: Config): FlowTimeouts {
  return { syn: config.timeoutSyn, established: config.timeoutEstablished, closing: config.timeoutClosing, udp: config.timeoutUdp };
}

/** The backend in this slot of the family's array. */
export function readBackend({ maps }: Trace, layout: FamilyLayout, id: number): BackendEntry | undefined {
  const value = maps.read(layout.maps.backends, encodeIndex(id));
  return value === undefined ? undefined : decodeBackend(layout, layout.backend.decode(value));
}

/** The family that the backends of flows with this action are of. */
export function backendLayout({ layout }: Trace, action: Flow['action']): FamilyLayout {
  return action === 'dsr-ipip6' ? IPV6 : layout;
}

/** The flow's backend while it is the one that the flow began with. */
export function backendOfFlow(trace: Trace, flow: Flow): BackendEntry | undefined {
  // The program looks into its own family's array first, whatever the action is.
  for (const layout of FAMILIES) readBackend(trace, layout, flow.backendId);
  const backend = readBackend(trace, backendLayout(trace, flow.action), flow.backendId);
  return backend?.generation === flow.backendGeneration ? backend : undefined;
}
