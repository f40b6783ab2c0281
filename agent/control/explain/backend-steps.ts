// Which backend a new flow gets, what it is, and how it is reached.
// Imports agent/datapath, agent/model and its siblings.

import type { BackendEntry } from '../../datapath/backend-table.js';
import { type FoundService, maglevSlot, readAffinity, readQuicServer } from '../../datapath/trace-service.js';
import { backendLayout, readBackend, type Trace } from '../../datapath/trace.js';
import { formatEndpoint } from '../../model/format.js';
import type { Action } from '../../model/service.js';
import type { Decision, Steps } from './steps.js';
import type { Surroundings } from './surroundings.js';

export interface Chosen {
  readonly id: number;
  readonly backend: BackendEntry;
}

/** By affinity, else by the Maglev table. Undefined: there is none, and the last step says so. */
export function chooseBackend(trace: Trace, around: Surroundings, { entry }: FoundService, steps: Steps): Chosen | undefined {
  const named = byConnectionId(trace, entry, steps);
  if (named !== undefined) return named.backend === undefined ? undefined : { id: named.id, backend: named.backend };
  const remembered = fromAffinity(trace, entry, steps);
  if (remembered !== undefined) return remembered;
  const none = (text: string): undefined => {
    steps.list.push({ step: 'maglev', text, ends: true });
    return undefined;
  };
  if (entry.backendCount === 0) return none(`service ${entry.id} has no backend that takes new flows${whyNone(around, entry.id)}`);
  const slot = maglevSlot(trace);
  const id = around.maglevEntry(entry.id, slot);
  if (id === undefined) return none(`service ${entry.id} has no Maglev table`);
  steps.add('maglev', `the tuple's hash gives slot ${slot} of ${trace.config.maglevSize} of the service's table: backend id ${id}`);
  const backend = readBackend(trace, backendLayout(trace, entry.action), id);
  return backend === undefined ? none(`backend id ${id} is in the table, but not among the backends`) : { id, backend };
}

/** What a QUIC connection id says, before all else. Its backend may be gone; undefined: it says nothing. */
function byConnectionId(
  trace: Trace,
  entry: FoundService['entry'],
  steps: Steps,
): { id: number; backend: BackendEntry | undefined } | undefined {
  const { quic, id: service } = entry;
  if (quic === undefined || trace.tuple.protocol !== 'udp') return undefined;
  steps.quicConfig = quic.config;
  const config = `connection ids of configuration ${quic.config}`;
  if (trace.quicId === undefined) return steps.add('quic', `${config} name the backend; this packet has none (--quic-id)`) as undefined;
  const id = readQuicServer(trace, entry);
  if (id === undefined)
    return steps.add('quic', `${config} name the backend, but none of service ${service} has ${trace.quicId}`) as undefined;
  const backend = readBackend(trace, backendLayout(trace, entry.action), id);
  const text = `its connection id names server ${trace.quicId}: backend id ${id}, whatever its state`;
  if (backend === undefined) steps.list.push({ step: 'quic', text: `${text}; it is gone`, ends: true });
  else steps.add('quic', text);
  return { id, backend };
}

/** ': 20.1.1.10:80 is in maintenance, ...' */
function whyNone({ state, healthOf }: Surroundings, serviceId: number): string {
  const backends = state.services.find(({ id }) => id === serviceId)?.backends ?? [];
  const reasons = backends.map((one) => {
    const down = healthOf(serviceId, one)?.state === 'down';
    return `${formatEndpoint(one)} ${one.state !== 'active' ? one.state : one.weight === 0 ? 'of weight 0' : down ? 'down' : 'active'}`;
  });
  return reasons.length === 0 ? '' : `: ${reasons.slice(0, 4).join(', ')}${reasons.length > 4 ? ', ...' : ''}`;
}

function fromAffinity(trace: Trace, entry: FoundService['entry'], steps: Steps): Chosen | undefined {
  const seconds = entry.policy?.affinitySeconds ?? 0;
  if (seconds === 0) return undefined;
  const found = readAffinity(trace, entry);
  const other = (why: string): undefined => steps.add('affinity', `${why}: the Maglev table decides`) as undefined;
  if (found === undefined) return other(`no flow of ${trace.tuple.saddr} is remembered`);
  const age = `${Math.round(found.age)} s`;
  if (found.age >= seconds) return other(`the client's last flow began ${age} ago, longer than ${seconds} s`);
  if (found.backend === undefined) return other(`the client's last backend (id ${found.backendId}) takes no new flows`);
  steps.add(
    'affinity',
    `the client's last flow, ${age} ago, went to backend id ${found.backendId}, and new ones follow it for ${seconds} s`,
  );
  return { id: found.backendId, backend: found.backend };
}

export function describeBackend(trace: Trace, around: Surroundings, id: number, backend: BackendEntry, steps: Steps): void {
  const { address, serviceId, state, weight, generation } = backend;
  const end = { address, port: backend.port || trace.tuple.dport };
  const service = around.state.services.find((one) => one.id === serviceId);
  const health =
    service?.health === undefined ? 'health not checked' : `health: ${around.healthOf(serviceId, backend)?.state ?? 'unknown'}`;
  const port = backend.port === 0 ? ' (the port that the client used)' : '';
  steps.backend = end;
  steps.backendId = id;
  steps.add('backend', `${formatEndpoint(end)}${port}, id ${id}, generation ${generation}: ${state}, weight ${weight}, ${health}`);
}

/** Where the packet goes next. Not undefined: it cannot go. */
export function describeHop(around: Surroundings, backend: BackendEntry, action: Action, steps: Steps): Decision | undefined {
  if (action === 'local') {
    steps.add('next hop', `${backend.address} is this node's own address: none is needed`);
    return undefined;
  }
  const hop = backend.nextHop;
  if (hop === undefined) {
    const why = around.whyUnresolved(backend.address);
    return steps.end('next hop', `not resolved, ${why}; dropped while the agent asks the network`, 'drop', 'unresolved');
  }
  const by = around.hopIsFresh ? ", as the kernel's FIB says to this packet" : '';
  steps.add('next hop', `${hop.dstMac} by ${around.deviceName(hop.ifindex)}${by}`);
  return undefined;
}
