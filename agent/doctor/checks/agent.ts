// Checks by what a running agent knows: next hops, virtual addresses, its own warnings.
// Imports its neighbours and agent/model.

import { formatEndpoint } from '../../model/format.js';
import { DEFAULT_SETTINGS } from '../../model/settings.js';
import type { BackendView, NeighbourView } from '../../model/views.js';
import { LINUX_REMEDIES, type Remedies } from '../commands.js';
import type { AgentFacts, BalancerFacts } from '../facts.js';
import { type Finding, fine } from '../finding.js';

export function checkAgent({
  agent,
  agentTrouble,
  devices,
}: Pick<BalancerFacts, 'agent' | 'agentTrouble' | 'devices'>): readonly Finding[] {
  if (agentTrouble !== undefined) {
    return [
      {
        level: 'warning',
        check: 'agent',
        text: `the agent of this instance was not asked: ${agentTrouble}`,
        why: 'Next hops, virtual addresses and its settings were not looked at.',
      },
    ];
  }
  if (agent === undefined) {
    const orphans = [...new Set(devices.flatMap(({ xdp }) => xdp?.instance ?? []))];
    if (orphans.length === 0) {
      return [{ level: 'note', check: 'agent', text: 'no agent answers: next hops and virtual addresses were not looked at' }];
    }
    return [
      {
        level: 'warning',
        check: 'agent',
        text: `the data plane of instance ${orphans.join(', ')} forwards, and no agent of it answers`,
        why: 'Traffic goes on, but health checks stop and next hops are followed by the program alone.',
        advice: 'Start the agent again; it takes over what runs. Of another instance: fairlead --instance=NAME doctor.',
      },
    ];
  }
  const { status } = agent;
  const head = fine('agent', `agent of instance ${status.instance}: mode ${status.mode}, DSR by ${status.dispatch}, ${count(agent)}`);
  const told = status.warnings.filter((text) => !FOUND_HERE.test(text));
  return [head, ...told.map((text): Finding => ({ level: 'warning', check: 'agent', text: `the agent says: ${text}` }))];
}

/** Warnings of the agent that another check here finds by itself, with the command that mends it. */
const FOUND_HERE = /^SNAT ports \S+ overlap |^device \S+ is down/;

function count({ status: { services, backends } }: AgentFacts): string {
  return `${services} service${services === 1 ? '' : 's'}, ${backends} backend${backends === 1 ? '' : 's'}`;
}

/** Next hops that do not answer, and backends that no route leads to. */
export function checkNextHops({ agent }: Pick<BalancerFacts, 'agent'>, remedies = LINUX_REMEDIES): readonly Finding[] {
  if (agent === undefined || agent.backends.length === 0) return [];
  const { instance } = agent.status;
  const silent = agent.neighbours.filter(({ mac }) => mac === undefined);
  const routeless = agent.backends.filter((backend) => backend.device === undefined && !backend.local && backend.mac === undefined);
  const found = [
    ...silent.map((hop) => silentHop(hop, instance)),
    ...unique(routeless).map((backend) => routelessBackend(backend, remedies)),
  ];
  return found.length > 0 ? found : [fine('next-hop', 'every backend has a next hop')];
}

function silentHop({ address, device, backends }: NeighbourView, instance: string): Finding {
  const which = instance === DEFAULT_SETTINGS.instance ? [] : [`--instance=${instance}`];
  const onDevice = device === undefined ? '' : ` on ${device}`;
  return {
    level: 'problem',
    check: 'next-hop',
    text: `${address} does not answer${onDevice}: no way to ${listed(backends)}`,
    why: 'Without the MAC address of the next hop no packet can go there; a backend without one gets no new flow.',
    command: ['fairlead', ...which, 'neighbor', 'update', address],
    advice: 'That asks again. Look whether the host is up, is on this link, and has this address.',
  };
}

function routelessBackend(backend: BackendView, remedies: Remedies): Finding {
  return {
    level: 'problem',
    check: 'next-hop',
    text: `backend ${formatEndpoint(backend)}: ${backend.nextHop}`,
    why: 'No route of this machine leads there; it gets no new flow.',
    advice: `Add a route (${remedies.addRoute(backend.address)}), or take the backend out.`,
  };
}

function unique(backends: readonly BackendView[]): readonly BackendView[] {
  return [...new Map(backends.map((backend) => [backend.address, backend])).values()];
}

const SHOWN = 3;
function listed(names: readonly string[]): string {
  return names.length <= SHOWN ? names.join(', ') : `${names.slice(0, SHOWN).join(', ')} and ${names.length - SHOWN} more`;
}

/**
 * Virtual addresses that this machine has itself: right for a service with a backend on it, whose packets pass to the stack as they are
 * (docs/limits.md), and in the way for every other one.
 */
export function checkVips(
  { agent, interfaces }: Pick<BalancerFacts, 'agent' | 'interfaces'>,
  remedies = LINUX_REMEDIES,
): readonly Finding[] {
  if (agent === undefined || agent.services.length === 0) return [];
  const services = agent.services.filter(({ frontend }) => frontend.prefixLength === undefined);
  const vips = [...new Set(services.map(({ frontend }) => frontend.address))];
  const found = vips.flatMap((vip): readonly Finding[] => {
    const isServedHere = services.some(({ frontend, backends }) => frontend.address === vip && backends.some(({ local }) => local));
    const places = interfaces.flatMap(({ name, addresses }) =>
      addresses.filter(({ address }) => address === vip).map(({ prefixLength }) => ({ name, prefixLength })),
    );
    if (!isServedHere) return places.map((place) => vipInTheWay(vip, place, remedies));
    return places.length > 0 ? [] : [vipMissing(vip, remedies)];
  });
  return found.length > 0 ? found : [fine('vip', 'virtual addresses are on this machine where a backend here serves them, else not')];
}

function vipInTheWay(
  vip: string,
  { name, prefixLength }: { readonly name: string; readonly prefixLength: number },
  remedies: Remedies,
): Finding {
  return {
    level: 'warning',
    check: 'vip',
    text: `virtual address ${vip} is also an address of this machine, on ${name}`,
    why:
      'What the program passes (other ports, other protocols) is answered by this machine in its place, with resets or by a server of ' +
      'its own; and its own connections to the address stay here.',
    command: remedies.removeAddress(vip, prefixLength, name),
    advice:
      'Routers should have a route for it to this machine. If they find it by ARP or NDP instead, they need that address: then leave it.',
  };
}

function vipMissing(vip: string, remedies: Remedies): Finding {
  return {
    level: 'problem',
    check: 'vip',
    text: `virtual address ${vip} has a backend on this machine, and is no address of it`,
    why: 'Packets to such a backend pass to the stack as they are, which takes only those to its own addresses.',
    command: remedies.addAddress(vip),
  };
}
