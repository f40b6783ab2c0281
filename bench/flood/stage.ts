// The lab in which a flood is measured: TCP through the load balancer on one CPU, and a flood of SYNs to another service from another one.
// Imports agent/model, samples/founding-lab and its siblings; calls iperf3, ip, taskset.
// Invariant: the flood comes in and leaves by a device of its own and ends right behind it: it shares the load balancer with the traffic, not a
// queue between two devices or a backend, which it would fill first.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Family } from '../../agent/model/address.js';
import { FairleadError } from '../../agent/model/errors.js';
import { formatEndpoints } from '../../agent/model/format.js';
import type { Mode } from '../../agent/model/service.js';
import type { StatusView } from '../../agent/model/views.js';
import { type AgentProcess, startAgent } from '../../samples/founding-lab/agent-process.js';
import { runCommand } from '../../samples/founding-lab/command.js';
import { createLab, type Lab } from '../../samples/founding-lab/lab.js';
import type { Flood, FloodReport } from './sender.js';

const SENDER = fileURLToPath(new URL('sender.ts', import.meta.url));
const IPERF_PORT = 5201;
const FLOODED_PORT = 80;
/** The switch's end of the load balancer's second device: the flood is sent by it, and what comes back ends there. */
const FLOOD_PORT = 'p-lb-eth1';
/** As many as SNAT ports for a flood take. */
const VICTIMS = 32;
/** Ends of the cable to nowhere. */
const NOWHERE = { near: 'near', far: 'far' } as const;
/** Traffic begins so many seconds before it is measured, and the flood half as many: TCP's slow start is left out. */
const WARM_UP = 2;

export interface Stage {
  readonly lab: Lab;
  readonly agent: AgentProcess;
  readonly family: Family;
}

/** What one run of traffic gave. */
export interface Throughput {
  readonly bitsPerSecond: number;
  /** SYNs a second that were sent meanwhile. */
  readonly floodRate: number;
}

/** The lab with two services: one of iperf3, and one that is flooded. Throws FL_E_UNSUPPORTED on one CPU. */
export async function openStage(mode: Mode, family: Family): Promise<Stage> {
  if (cpus().length < 2) throw new FairleadError('FL_E_UNSUPPORTED', 'a flood and what it is to disturb need two CPUs');
  const lab = await createLab({ backends: 1, secondClient: true, decap: 'tc', web: false });
  try {
    await layCableToNowhere(lab);
    const victims = await readyVictims(lab, family);
    const agent = await startAgent(lab, [`--bpf-lb-mode=${mode}`, '--device=eth0,eth1']);
    const frontend = (port: number) => formatEndpoints([{ address: lab.vipOf(family), port }]);
    const server = formatEndpoints(lab.backends.map((host) => ({ address: host.addressOf(family), port: IPERF_PORT })));
    await agent.must(`service update --id=1 --frontend=${frontend(IPERF_PORT)} --backends=${server}`);
    await agent.must(`service update --id=2 --frontend=${frontend(FLOODED_PORT)} --backends=${victims}`);
    for (const host of lab.backends) host.spawn(onCpu(0, ['iperf3', '-s']));
    return { lab, agent, family };
  } catch (error) {
    await lab.remove();
    throw error;
  }
}

/** Backends of the flooded service: ports of the second network's host, which gets nothing. Returns them as a command takes them. */
async function readyVictims(lab: Lab, family: Family): Promise<string> {
  const host = lab.host('client2');
  const address = host.addressOf(family);
  const { namespace } = lab.host('lb');
  // Nobody answers for it while frames end at the switch.
  await runCommand(['ip', '-n', namespace, 'neigh', 'replace', address, 'lladdr', await host.mac(), 'dev', 'eth1', 'nud', 'permanent']);
  await runCommand(['ip', '-n', namespaceOf(lab, 'here'), 'link', 'set', 'dev', FLOOD_PORT, 'xdpdrv', 'off']);
  return formatEndpoints(Array.from({ length: VICTIMS }, (_, index) => ({ address, port: 8001 + index })));
}

/** Runs iperf3 for so many seconds while SYNs are sent: to the load balancer, or by the same work to nowhere; 'none': nothing is sent. */
export async function measureThroughput(stage: Stage, flood: 'here' | 'nowhere' | 'none', seconds: number): Promise<Throughput> {
  const sender = flood === 'none' ? undefined : await startSender(await floodOf(stage, flood), namespaceOf(stage.lab, flood));
  // The connection is there before the flood is: what it is about is established flows.
  const traffic = runIperf(stage, seconds);
  await sleep(WARM_UP * 500);
  sender?.child.stdin?.write('go\n');
  const bitsPerSecond = await traffic.finally(() => sender?.child.stdin?.end());
  const report = await sender?.done;
  return { bitsPerSecond, floodRate: report === undefined ? 0 : report.sent / report.seconds };
}

/** Packets that the data plane has counted until now, by reason. */
export async function readCounts({ agent }: Stage): Promise<ReadonlyMap<string, number>> {
  const { status } = (await agent.json('status')) as { status: StatusView };
  return new Map(status.counters.map(({ name, packets }) => [name, packets]));
}

const onCpu = (cpu: number, command: readonly string[]): string[] => ['taskset', '-c', String(cpu), ...command];

/** Of the switch on the load balancer's second device, or of the cable to nowhere. */
const namespaceOf = (lab: Lab, flood: 'here' | 'nowhere'): string => `${lab.name}-${flood === 'here' ? 'switch2' : 'nowhere'}`;

async function layCableToNowhere(lab: Lab): Promise<void> {
  const namespace = namespaceOf(lab, 'nowhere');
  const { near, far } = NOWHERE;
  await runCommand(['ip', 'netns', 'add', namespace]);
  await runCommand(['ip', '-n', namespace, 'link', 'add', near, 'type', 'veth', 'peer', 'name', far]);
  for (const device of [near, far]) await runCommand(['ip', '-n', namespace, 'link', 'set', device, 'up']);
}

async function floodOf({ lab, family }: Stage, flood: 'here' | 'nowhere'): Promise<Flood> {
  const [device, sink] = flood === 'here' ? [FLOOD_PORT, FLOOD_PORT] : [NOWHERE.near, NOWHERE.far];
  const mac = await lab.host('lb').mac('eth1');
  return { family, device, sink, destination: { mac, address: lab.vipOf(family), port: FLOODED_PORT } };
}

/** Returns when the sender waits for its first line. */
async function startSender(
  flood: Flood,
  namespace: string,
): Promise<{ readonly child: ChildProcess; readonly done: Promise<FloodReport> }> {
  const command = ['nsenter', `--net=/run/netns/${namespace}`, process.execPath, '--import', 'tsx', SENDER, JSON.stringify(flood)];
  const [program = '', ...args] = onCpu(1, command);
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  const ready = new Promise<void>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      if (stdout.startsWith('ready\n')) resolve();
    });
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin.on('error', () => {});
  const done = once(child, 'close').then(([status]) => {
    if (status !== 0)
      throw new FairleadError('FL_E_SYSTEM', `the flood's sender ended with ${status}: ${stderr.trim().split('\n').at(-1)}`);
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as FloodReport;
  });
  await Promise.race([ready, done]);
  return { child, done };
}

async function runIperf({ lab, family }: Stage, seconds: number): Promise<number> {
  const flags = ['-c', lab.vipOf(family), '-t', String(seconds), '-O', String(WARM_UP), '-J'];
  for (let attempt = 1; ; attempt++) {
    const { stdout } = await lab.host('client').run(onCpu(0, ['iperf3', ...flags]), { check: false, timeout: (seconds + 30) * 1000 });
    const { error, end } = JSON.parse(stdout) as { error?: string; end?: { sum_received?: { bits_per_second: number } } };
    if (error === undefined && end?.sum_received !== undefined) return end.sum_received.bits_per_second;
    if (attempt === 5) throw new FairleadError('FL_E_SYSTEM', `iperf3: ${error ?? 'no result'}`);
    await sleep(300);
  }
}
