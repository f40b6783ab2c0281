// "First packet of a flow" of docs/packet-walk.md.
// Imports its siblings.
// Invariant: whatever ends the packet before its slot is taken leaves an old entry of its tuple as it was.

import { act, NO_PORT } from './act.js';
import { affinityBackend, noteAffinity } from './affinity.js';
import { answerReset, answerUnreachable, countAnswer, isFromHost } from './answers.js';
import type { Draft } from './draft.js';
import { seenIn } from './flow.js';
import { findService, isVirtual } from './frontends.js';
import { hashTuple } from './hash.js';
import { askNextHop } from './next-hop.js';
import { choosePlace } from './places.js';
import { choosePort, takePort } from './ports.js';
import { quicBackend } from './quic.js';
import { mayBegin } from './source-ranges.js';
import { type Flow, type Service, TCP } from './state.js';
import { answer, drop, type Ending, pass, refuse, type Walk } from './walk.js';
import { backendTable } from './worth.js';

/** "First packet of a flow". `own`: the slot that an entry of this tuple has. */
export function begin(packet: Walk, places: readonly number[], own: number | undefined): Ending {
  const { headers, draft, arrival } = packet;
  const { tuple } = headers;
  const { settings, now } = draft;
  const service = findService(draft.plane, tuple);
  if (service === undefined) return noService(packet);
  if (!mayBegin(draft.plane, service, tuple.saddr)) return refuse(service, 'source_denied');
  if (headers.hops <= 1) return pass(packet, 'ttl_expired');
  const hash = hashTuple(tuple, settings.hashSeed);
  const backendId =
    quicBackend(arrival.frame, headers, service) ??
    affinityBackend(draft, service, tuple.saddr) ??
    chooseBackend(service, hash.low % settings.maglevSize);
  const table = backendTable(service.action);
  if (backendId === undefined || draft.plane[table]?.[backendId]?.state === 'free') return refuseService(packet, service);
  const backend = askNextHop(packet, table, backendId);
  if (!backend.resolved && !backend.local) return refuse(service, 'unresolved');
  const allowed = countNewFlow(draft);
  const taken = allowed ? choosePlace(draft, places, own) : undefined;
  const action = backend.local ? 'local' : service.action;
  if (taken === undefined) {
    if (action === 'snat') return refuse(service, allowed ? 'flow_table' : 'new_flow_rate');
    return act(packet, backendId, action, NO_PORT, true);
  }
  const flow: Flow = {
    tuple,
    packets: 1,
    bytes: arrival.frame.length,
    lastSeen: now,
    created: now,
    refreshed: now,
    backendId,
    generation: backend.generation,
    serviceId: service.id,
    reverse: 0,
    ...NO_PORT,
    action,
    seen: seenIn(headers),
  };
  const { place } = taken;
  draft.takeFlow(place, flow);
  if (action !== 'snat') {
    noteAffinity(draft, service, tuple.saddr, backendId, backend);
    return beginning(act(packet, backendId, action, NO_PORT, false), backendId);
  }
  const port = choosePort(packet, flow, backend, taken);
  if (port === undefined) {
    draft.abandonFlow(place);
    return refuse(service, 'snat_ports');
  }
  takePort(packet, place, port);
  noteAffinity(draft, service, tuple.saddr, backendId, backend);
  return beginning(act(packet, backendId, action, { snatPort: port.tuple.dport, snatSource: port.source }, false), backendId);
}

/** No service has the packet's destination. */
export function noService(packet: Walk): Ending {
  const { draft, headers } = packet;
  return draft.settings.unknownPortDrops && isVirtual(draft.plane, headers.tuple.daddr) ? drop('no_port') : pass(packet, 'no_service');
}

/** No backend takes new flows. */
function refuseService(packet: Walk, service: Service): Ending {
  const refused = { refusedBy: service.id, refusedFor: 'no_backend' };
  return { ...answerRefusal(packet), counts: refused };
}

function answerRefusal(packet: Walk): Ending {
  const { headers, draft, arrival } = packet;
  const { noBackend = 0 } = draft.settings;
  if (noBackend === 0 || !isFromHost(arrival.frame, headers) || !countAnswer(draft)) return drop('no_backend');
  if (noBackend === 1 && headers.tuple.protocol === TCP) {
    const reset = answerReset(arrival.frame, headers);
    return reset === undefined ? drop('no_backend') : answer(packet, 'no_backend_reset', reset);
  }
  return answer(packet, 'no_backend_unreachable', answerUnreachable(arrival.frame, headers));
}

const beginning = (ending: Ending, backendId: number): Ending => ({ ...ending, counts: { ...ending.counts, began: backendId } });

export function chooseBackend(service: Service, slot: number): number | undefined {
  return service.backendCount === 0 ? undefined : service.table[slot % service.table.length];
}

/** Step 4: may this CPU make another entry? */
export function countNewFlow(draft: Draft): boolean {
  const { newFlowRate, ticksPerSecond } = draft.settings;
  if (newFlowRate === 0) return true;
  const over = (draft.now - draft.window.began) >>> 0 >= ticksPerSecond;
  const { began, count } = over ? { began: draft.now, count: 0 } : draft.window;
  const allowed = count < newFlowRate;
  draft.window = { began, count: allowed ? count + 1 : count };
  return allowed;
}
