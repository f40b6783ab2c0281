// What the end-to-end tests share: the lab with the real agent in it, and what may be asked of both.
// Imports samples/founding-lab, agent/model and Node.
// Invariant: a lab that was made is removed, also when the agent in it did not start.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Family, familyOf } from '../../../agent/model/address.js';
import { formatEndpoints } from '../../../agent/model/format.js';
import { parseFrontend } from '../../../agent/model/parse.js';
import type { FlowView, ServiceView, StatusView } from '../../../agent/model/views.js';
import { type AgentProcess, startAgent } from '../../../samples/founding-lab/agent-process.js';
import { createLab, type Lab, type LabOptions } from '../../../samples/founding-lab/lab.js';
import { skipTest } from '../../tools/skip.js';

export const SNAT = ['--bpf-lb-mode=snat', '--device=eth0'] as const;
export const DSR = ['--bpf-lb-mode=dsr', '--device=eth0'] as const;

/** Of all suites here: a lab with an agent takes 3 s, on a busy machine several times that. Milliseconds. */
export const SUITE_TIMEOUT = 90_000;

/** Skips the suite where it cannot run. */
export function requireRoot(context: Mocha.Context): void {
  if (process.getuid?.() !== 0) skipTest(context, 'needs root for network namespaces and XDP');
}

/** A lab, and the agent started in it. */
export async function openSetting(options: LabOptions, flags: readonly string[]): Promise<{ lab: Lab; agent: AgentProcess }> {
  const lab = await createLab(options);
  try {
    return { lab, agent: await startAgent(lab, flags) };
  } catch (error) {
    await lab.remove();
    throw error;
  }
}

/** '20.1.1.10:80,20.1.1.20:80': all backends of the lab, or those given. */
export function endpoints(lab: Lab, port = 80, hosts = lab.backends, family: Family = 4): string {
  return formatEndpoints(hosts.map((host) => ({ address: host.addressOf(family), port })));
}

/**
 * Creates a service or changes its backends and frontend. `port`: of the backends, which are of the frontend's family.
 * `frontend`: default port 80 of the VIP of IPv4.
 */
export async function setService(lab: Lab, agent: AgentProcess, id: number, frontend = `${lab.vip}:80`, port = 80): Promise<void> {
  const backends = endpoints(lab, port, lab.backends, familyOf(parseFrontend(frontend).address));
  await agent.must(`service update --id=${id} --frontend=${frontend} --backends=${backends}`);
}

export async function readFlows(agent: AgentProcess, id: number): Promise<readonly FlowView[]> {
  return ((await agent.json(`service dumpstate --id ${id}`)) as { flows: FlowView[] }).flows;
}

export async function readServices(agent: AgentProcess): Promise<readonly ServiceView[]> {
  return ((await agent.json('service list')) as { services: ServiceView[] }).services;
}

export async function readStatus(agent: AgentProcess): Promise<StatusView> {
  return ((await agent.json('status')) as { status: StatusView }).status;
}

/** What identifies the data plane to the kernel. */
export async function identityOf(agent: AgentProcess): Promise<{ readonly program: number; readonly links: readonly number[] }> {
  const { program, devices } = await readStatus(agent);
  return { program: program.id, links: devices.map((device) => device.linkId) };
}

/** Packets that the data plane has dropped until now, by reason: a dropped SYN is sent again by TCP, which hides it from a load generator. */
export async function readDrops(agent: AgentProcess): Promise<Readonly<Record<string, number>>> {
  const { counters } = await readStatus(agent);
  return Object.fromEntries(counters.filter(({ kind }) => kind === 'drop').map(({ name, packets }) => [name, packets]));
}

/** Waits until `look` gives something other than undefined, and returns it; fails after `milliseconds`. */
export async function waitFor<Found>(what: string, look: () => Promise<Found | undefined>, milliseconds: number): Promise<Found> {
  const deadline = Date.now() + milliseconds;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    assert.ok(Date.now() < deadline, `${what}: not within ${milliseconds} ms`);
    await sleep(50);
  }
}
