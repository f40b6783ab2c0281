// From facts to findings: which checks are made, in which order.
// Imports its neighbours alone; pure.
// Invariant: what no check could see is in no finding as fine.

import { checkAgent, checkNextHops, checkVips } from './checks/agent.js';
import { checkArp, checkBalancerRoute, checkNdp, checkVipPlaces } from './checks/backend.js';
import { checkDecap } from './checks/decap.js';
import { checkDevices } from './checks/devices.js';
import { checkBpfFileSystem, checkKernel, checkMemory, checkRights, checkTools } from './checks/machine.js';
import { checkBackendMtu, checkBalancerMtu } from './checks/mtu.js';
import { checkOffloads, checkOffloadsSeen, checkOwnChecksum } from './checks/offloads.js';
import { checkForwarding, checkReversePath } from './checks/routing.js';
import { checkSnatPorts } from './checks/snat-ports.js';
import { checkXdp } from './checks/xdp.js';
import type { BackendFacts, BalancerFacts } from './facts.js';
import { type Finding, sortFindings } from './finding.js';

/** On a load balancer. */
export function examineBalancer(facts: BalancerFacts): readonly Finding[] {
  const { machine, devices } = facts;
  const running = facts.agent !== undefined || devices.some(({ xdp }) => xdp?.instance !== undefined);
  const ofMachine = [
    ...checkRights(machine),
    ...checkKernel(machine),
    ...checkTools(machine, running),
    ...checkMemory(machine, running),
    ...checkBpfFileSystem(machine),
  ];
  if (machine.libraryTrouble !== undefined) return sortFindings(ofMachine);
  return sortFindings([
    ...ofMachine,
    ...checkDevices(facts),
    ...checkXdp(devices),
    ...checkOffloads(devices),
    ...checkOffloadsSeen(devices),
    ...checkBalancerMtu(facts),
    ...checkReversePath(devices, 'balancer'),
    ...checkForwarding(devices),
    ...checkSnatPorts(facts),
    ...checkAgent(facts),
    ...checkNextHops(facts),
    ...checkVips(facts),
  ]);
}

/** On a backend. */
export function examineBackend(facts: BackendFacts): readonly Finding[] {
  const { machine, devices } = facts;
  const library = checkTools({ ...machine, clang: 'not needed', bpfHeaders: true }, true).filter(({ level }) => level !== 'ok');
  const ofMachine = [...checkRights(machine), ...library];
  if (machine.libraryTrouble !== undefined) return sortFindings(ofMachine);
  return sortFindings([
    ...ofMachine,
    ...(facts.dispatch === 'ipip' ? checkBpfFileSystem(machine) : []),
    ...checkDevices(facts),
    ...checkVipPlaces(facts),
    ...checkArp(facts),
    ...checkNdp(facts),
    ...checkReversePath(devices, 'backend'),
    ...checkDecap(facts),
    ...checkBackendMtu(facts),
    ...checkOwnChecksum(devices),
    ...checkBalancerRoute(facts),
  ]);
}
