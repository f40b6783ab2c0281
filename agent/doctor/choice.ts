// What the doctor looks at, the same on every platform: the agent that runs, and the devices that are chosen.
// Imports platform/port, agent/control, agent/model and its neighbours.

import type { InterfaceInfo, Platform, Route } from '../../platform/port.js';
import type { Agent } from '../control/agent.js';
import { FairleadError } from '../model/errors.js';
import type { AgentFacts, RouteFacts } from './facts.js';
import { findInstance } from './instance.js';

/** A library that is not installed is a finding, not a failure. */
export async function withPlatform<Result>(
  load: () => Promise<Platform>,
  run: (platform: Platform | undefined, trouble: string | undefined) => Promise<Result>,
): Promise<Result> {
  let platform: Platform;
  try {
    platform = await load();
  } catch (error) {
    if (!(error instanceof FairleadError) || error.code !== 'FL_E_MISSING') throw error;
    return run(undefined, error.message);
  }
  return run(platform, undefined);
}

/** Which devices are looked at, and why these. */
export interface Choice {
  readonly infos: readonly InterfaceInfo[];
  readonly missing: readonly string[];
  readonly chosenBy: string;
}

export const UNSEEN: Choice = { infos: [], missing: [], chosenBy: 'none could be looked at' };

/** What a running agent knows; nothing when there is none. */
export async function askAgent(
  agent: Agent,
  interfaces: readonly InterfaceInfo[],
): Promise<{ agent: AgentFacts | undefined; agentTrouble: string | undefined }> {
  try {
    const [status, services, backends, neighbours] = await Promise.all([
      agent.status(),
      agent.listServices(),
      agent.listBackends(),
      agent.listNeighbours(),
    ]);
    // Its socket is a file: an agent of another network namespace answers here too.
    if (!status.devices.some(({ index, name }) => interfaces.some((info) => info.index === index && info.name === name))) {
      const names = status.devices.map(({ name }) => name).join(', ');
      return { agent: undefined, agentTrouble: `none of its devices (${names}) is in this network namespace` };
    }
    return { agent: { status, services, backends, neighbours }, agentTrouble: undefined };
  } catch (error) {
    if (!(error instanceof FairleadError)) throw error;
    return { agent: undefined, agentTrouble: error.code === 'FL_E_NO_AGENT' ? undefined : error.message };
  }
}

/** Those asked for, else the agent's, else those that carry the program, else all that are up. */
export function chooseBalancerDevices(
  platform: Platform,
  interfaces: readonly InterfaceInfo[],
  asked: readonly string[] | undefined,
  agent: AgentFacts | undefined,
): Choice {
  if (asked !== undefined) return byName(interfaces, asked, 'as given');
  const served =
    agent?.status.devices.filter(({ index, name }) => interfaces.some((info) => info.index === index && info.name === name)) ?? [];
  if (served.length > 0) {
    const names = served.map(({ name }) => name);
    return byName(interfaces, names, `what the agent of instance ${agent?.status.instance} serves`);
  }
  const carrying = interfaces.filter(({ name, index }) => {
    const attached = platform.bpf.attachedProgram(index);
    return attached !== undefined && findInstance(platform, name, attached.programId) !== undefined;
  });
  if (carrying.length > 0) return { infos: carrying, missing: [], chosenBy: "what carries Fairlead's program" };
  return everyDevice(interfaces);
}

export function byName(interfaces: readonly InterfaceInfo[], names: readonly string[], chosenBy: string): Choice {
  const infos = names.flatMap((name) => interfaces.find((info) => info.name === name) ?? []);
  return { infos, missing: names.filter((name) => !infos.some((info) => info.name === name)), chosenBy };
}

/** No packet of another host comes by them. */
const LOOPBACKS = ['lo', 'Loopback Pseudo-Interface 1'];

/** All that are up, with an address if any has one. */
export function everyDevice(interfaces: readonly InterfaceInfo[]): Choice {
  const up = interfaces.filter(({ name, up }) => up && !LOOPBACKS.includes(name));
  const having = up.filter(({ addresses }) => addresses.length > 0);
  if (having.length === 0) return { infos: up, missing: [], chosenBy: 'all that are up; name others with --device' };
  return { infos: having, missing: [], chosenBy: 'all that are up and have an address; name others with --device' };
}

/** The way to a load balancer. */
export function viewRoute(platform: Platform, interfaces: readonly InterfaceInfo[], address: string, route: Route | undefined): RouteFacts {
  const device = interfaces.find(({ index }) => index === route?.ifindex)?.name;
  const neighbour = platform.network.neighbours().find((one) => one.ifindex === route?.ifindex && one.address === route.nextHop);
  return { address, device, nextHop: route?.nextHop, neighbour: neighbour?.state };
}
