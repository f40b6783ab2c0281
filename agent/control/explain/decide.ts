// What the program will do with a packet of a flow, and why: the packet's way through the live maps, in words.
// Imports agent/datapath, agent/model and its siblings. docs/packet-walk.md has the same steps.
// Invariant: every conclusion is drawn from what the maps hold; the desired state only gives things their names.

import { elapsedTicks, flowState } from '../../datapath/flow-life.js';
import { traitsOf } from '../../datapath/flow-record.js';
import { addressIsServed, findService, type FoundService, mayHaveService } from '../../datapath/trace-service.js';
import { findFlow, type FoundFlow, takeSlot } from '../../datapath/trace-flow.js';
import { chooseSnatPort, findReply, reverseFate, snatSource } from '../../datapath/trace-snat.js';
import type { Trace } from '../../datapath/trace.js';
import { formatEndpoint, formatFrontend, formatPortRange } from '../../model/format.js';
import { NO_BACKEND_ANSWERS } from '../../model/settings.js';
import type { Frontend } from '../../model/service.js';
import { chooseBackend, describeBackend, describeHop } from './backend-steps.js';
import { forward, type SnatEnd } from './forward.js';
import { explainReply } from './reply.js';
import { explainSource } from './source-steps.js';
import { type Decision, Steps } from './steps.js';
import type { Surroundings } from './surroundings.js';

/** The whole way of the packet that the flow's client would send next. */
export function decide(trace: Trace, around: Surroundings): Decision {
  const { tuple, config } = trace;
  const steps = new Steps(tuple.protocol === 'udp' ? 'datagram' : 'SYN');
  const own = trace.layout.family === 4 ? config.lb4Address : config.lb6Address;
  if (own.includes(tuple.daddr) && tuple.daddr !== trace.layout.unspecified) return toNode(trace, around, steps);
  if (!mayHaveService(trace)) {
    return steps.end('address', `no service has ${tuple.daddr} (its bit in vips is not set): to the kernel`, 'pass', 'no_service');
  }
  steps.add('address', `${tuple.daddr} may have a service: its bit in vips is set`);
  const flow = findFlow(trace);
  const goesOn = flow !== undefined && continues(trace, flow, steps);
  if (flow !== undefined && goesOn) return oldFlow(trace, around, flow, steps);
  if (flow === undefined) steps.add('flow', `${trace.layout.maps.conntrack} has no entry of it: the packet begins a flow`);
  return newFlow(trace, around, flow, steps);
}

/** To an LB address: a reply of a SNAT flow's backend, or the node's own. */
function toNode(trace: Trace, around: Surroundings, steps: Steps): Decision {
  const { config, tuple } = trace;
  const { snatPortMin: low, snatPortMax: high } = config;
  const range = `the SNAT range ${formatPortRange([low, high])}`;
  if (tuple.dport < low || tuple.dport > high) {
    return steps.end('address', `an LB address of this node, the port outside ${range}: to the kernel`, 'pass', 'local');
  }
  const reverse = findReply(trace);
  if (reverse === undefined) {
    const text = `an LB address, the port in ${range}, but ${trace.layout.maps.snat} has no such reply: to the kernel`;
    return steps.end('address', text, 'pass', 'local');
  }
  if (tuple.protocol === 'tcp') steps.kind = 'ACK';
  steps.add('address', `an LB address of this node, the port in ${range}`);
  return explainReply(trace, around, reverse, steps);
}

/** Does the packet belong to its entry? Says what the entry is, and why not. */
function continues(trace: Trace, flow: FoundFlow, steps: Steps): boolean {
  const { config, now, layout } = trace;
  const seconds = (then: number) => `${Math.round(elapsedTicks(now, then, config.ticksPerSecond) / config.ticksPerSecond)} s`;
  const { action, packets, created, lastSeen, backendId, backendGeneration } = flow.slot.flow;
  const state = flowState(traitsOf({ ...flow.slot, reverse: flow.reverse }));
  const entry = `${layout.maps.conntrack} has it in slot ${flow.index}: ${state}, ${action ?? 'of no action'}, packets: ${packets}, ${seconds(created)} old, last packet ${seconds(lastSeen)} ago`;
  const anew = (why: string): false => {
    steps.add('flow', `${entry}; ${why}: the packet begins a flow anew`);
    return false;
  };
  if (flow.backend === undefined) return anew(`its backend (id ${backendId}, generation ${backendGeneration}) is gone`);
  if (flow.fate === 'ended') return anew('it rested for its timeout');
  if (flow.closing) return anew('both sides have closed it');
  if (flow.slot.flow.action === 'snat' && flow.reverse === undefined && refreshIsDue(trace, flow)) {
    if (reverseFate(trace, flow.slot.flow.reverse) !== 'ended') return anew('another flow has its SNAT port');
  }
  if (flow.slot.tuple.protocol === 'tcp') steps.kind = 'ACK';
  steps.add('flow', `${entry}; its backend is the same one still: no service is looked up`);
  return true;
}

/** Once a second and flow the program looks at more than its entry. */
function refreshIsDue({ config, now }: Trace, { slot }: FoundFlow): boolean {
  return elapsedTicks(now, slot.flow.refreshed, config.ticksPerSecond) >= config.ticksPerSecond;
}

function oldFlow(trace: Trace, around: Surroundings, found: FoundFlow, steps: Steps): Decision {
  const { flow } = found.slot;
  const { backend } = found;
  if (backend === undefined || flow.action === undefined)
    return steps.end('action', 'its entry has no action that is known', 'drop', 'no_backend');
  steps.service = flow.serviceId;
  steps.mode = flow.action;
  describeBackend(trace, around, flow.backendId, backend, steps);
  const dropped = describeHop(around, backend, flow.action, steps);
  if (dropped !== undefined) return dropped;
  const address = flow.action === 'snat' ? snatSource(trace, backend, flow.snatSource) : undefined;
  const snat: SnatEnd | undefined = address === undefined ? undefined : { address, port: flow.snatPort };
  if (snat !== undefined) {
    const reverse =
      found.reverse === undefined
        ? 'its reverse entry is gone, and is put back'
        : `its replies have slot ${flow.reverse} of ${trace.layout.maps.snat}`;
    steps.add('port', `the flow has ${formatEndpoint(snat)} for its whole life; ${reverse}`);
  }
  steps.slot = found.index;
  return forward(trace, around, { backend, action: flow.action, snat, untracked: false }, steps);
}

function newFlow(trace: Trace, around: Surroundings, former: FoundFlow | undefined, steps: Steps): Decision {
  const { tuple, config, layout } = trace;
  const service = findService(trace);
  if (service === undefined) {
    const end = formatEndpoint({ address: tuple.daddr, port: tuple.dport });
    const drops = config.unknownPortDrops !== 0 && addressIsServed(trace);
    return drops
      ? steps.end('service', `none has ${end}/${tuple.protocol}, though one has its address: --vip-unknown-port=drop`, 'drop', 'no_port')
      : steps.end('service', `none has ${end}/${tuple.protocol}: to the kernel`, 'pass', 'no_service');
  }
  const { entry } = service;
  steps.service = entry.id;
  steps.add('service', `${describeService(service, around)}; ${describeMode(service, around)}`);
  const denied = explainSource(trace, around, entry, steps);
  if (denied !== undefined) return denied;
  const chosen = chooseBackend(trace, around, service, steps);
  if (chosen === undefined) return noBackend(trace, steps);
  const { id, backend } = chosen;
  steps.mode = backend.local ? 'local' : entry.action;
  describeBackend(trace, around, id, backend, steps);
  const dropped = describeHop(around, backend, steps.mode, steps);
  if (dropped !== undefined) return dropped;
  if (config.newFlowRate > 0) {
    const beyond = steps.mode === 'snat' ? 'dropped' : 'sent without an entry';
    const now = `this second's busiest CPU has ${around.begunThisSecond()}`;
    steps.add('rate', `${now} of at most ${config.newFlowRate} new flows (--new-flow-rate); more are ${beyond}`);
  }
  const slot = takeSlot(trace, former?.index);
  if (slot === undefined) {
    const text = `none of 16 in ${layout.maps.conntrack} is free: all hold live connections`;
    if (steps.mode === 'snat') return steps.end('slot', `${text}; dropped`, 'drop', 'flow_table');
    steps.add('slot', `${text}; sent without an entry`);
    return forward(trace, around, { backend, action: steps.mode, snat: undefined, untracked: true }, steps);
  }
  const gives = { ended: 'free', half: 'a half-open or closing flow gives way', silent: 'a flow that was long silent gives way', live: '' };
  const held = former === undefined ? gives[slot.held] : 'the one that its tuple has';
  steps.add('slot', `${slot.index} of ${layout.maps.conntrack}: ${held}`);
  if (steps.mode !== 'snat') {
    steps.slot = slot.index;
    return forward(trace, around, { backend, action: steps.mode, snat: undefined, untracked: false }, steps);
  }
  const snat = chooseSnatPort(trace, backend, slot);
  if (snat === undefined)
    return steps.end('port', 'none of the 32 that its tuple has is free towards this backend; dropped', 'drop', 'snat_ports');
  const how = snat.yields
    ? "a half-open flow's, which gives way"
    : snat.probes === 1
      ? 'the first that its tuple has'
      : `free after ${snat.probes} tries`;
  steps.add('port', `${formatEndpoint(snat)}: ${how}`);
  steps.slot = slot.index;
  return forward(trace, around, { backend, action: 'snat', snat, untracked: false }, steps);
}

function noBackend({ config, tuple }: Trace, steps: Steps): Decision {
  const answer = NO_BACKEND_ANSWERS[config.noBackend];
  if (config.noBackend === 0 || config.answerRate === 0) return steps.decide('drop', 'no_backend', undefined);
  return steps.decide('tx', answer === 'reset' && tuple.protocol === 'tcp' ? 'no_backend_reset' : 'no_backend_unreachable', undefined);
}

function describeService({ frontend, entry }: FoundService, { state }: Surroundings): string {
  const known = state.services.some(({ id }) => id === entry.id) ? '' : ' (not in the desired state)';
  return `service ${entry.id}${known}, ${formatFrontend(frontend)}: ${describeCover(frontend)}`;
}

function describeCover({ lastPort, prefixLength, port }: Frontend): string {
  const ports = lastPort === undefined ? 'port' : port === 0 ? 'every port' : 'a range of ports';
  if (prefixLength === undefined) return lastPort === undefined ? 'exactly this address and port' : `this address, ${ports}`;
  return `the longest prefix that holds the address, ${lastPort === undefined ? 'this port' : ports}`;
}

function describeMode({ entry }: FoundService, { state }: Surroundings): string {
  const own = state.services.find(({ id }) => id === entry.id)?.mode !== undefined;
  return `new flows get ${entry.action} (${own ? "the service's own mode" : "the agent's mode"})`;
}
