// Traffic of real programs in the lab: curl, iperf3, downloads and uploads whose content is compared.
// Imports samples/founding-lab, agent/model, Node and its siblings.
// Invariant: nothing is asked twice; what a program could not do is an error with its last words.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Family, familyOf } from '../../../agent/model/address.js';
import { PROTOCOLS } from '../../../agent/model/service.js';
import type { AgentProcess } from '../../../samples/founding-lab/agent-process.js';
import type { Host } from '../../../samples/founding-lab/host.js';
import type { Lab } from '../../../samples/founding-lab/lab.js';
import type { LoadReport } from '../../../samples/founding-lab/loader.js';
import { uploadedFile } from '../../../samples/founding-lab/web-server.js';
import { frontendOf } from './family.js';
import { endpoints } from './setting.js';

/** Who asks, and for what. `family`: of the VIP, when no URL is given. */
export interface Asking {
  /** Default client. */
  readonly from?: string;
  /** Default the page of the VIP. */
  readonly url?: string;
  /** Default 4. */
  readonly family?: Family;
}

/** --fail-early: of many requests the first that fails ends it. */
const CURL = ['curl', '-sS', '--fail', '--fail-early', '-m', '10'];

/** Asserts that all requests were answered, and that there were at least this many. */
export function assertClean(report: LoadReport, least: number): void {
  assert.deepEqual(report.failures, {}, `of ${report.requests} requests ${report.failed} failed`);
  assert.equal(report.ok, report.requests);
  assert.ok(report.ok >= least, `${report.ok} requests, at least ${least} expected`);
}

function urlOf(lab: Lab, { url, family = 4 }: Asking): string {
  return url ?? lab.url(family);
}

export interface Page {
  /** Name of the backend that answered. */
  readonly backend: string;
}

/** Asks for the page once. `localPort`: the client's port of the flow. Throws with curl's last words. */
export async function getPage(lab: Lab, options: Asking & { readonly localPort?: number } = {}): Promise<Page> {
  const port = options.localPort === undefined ? [] : ['--local-port', String(options.localPort)];
  const { stdout } = await lab.host(options.from ?? 'client').run([...CURL, ...port, urlOf(lab, options)]);
  const [backend = '', address] = stdout.trim().split(' ');
  assert.equal(address, lab.host(backend).address);
  return { backend };
}

/** Whether a request is answered within a second. */
export async function isServed(lab: Lab, url = lab.url(4), from = 'client'): Promise<boolean> {
  return (await lab.host(from).run(['curl', '-sS', '--fail', '-m', '1', url], { check: false })).status === 0;
}

/** Asks for the page `count` times by one curl, each on a new connection. Returns the answers by backend. */
export async function countPages(lab: Lab, count: number, options: Asking = {}): Promise<Record<string, number>> {
  const url = `${urlOf(lab, options)}?[1-${count}]`;
  const { stdout } = await lab.host(options.from ?? 'client').run([...CURL, '-H', 'Connection: close', url]);
  const counts: Record<string, number> = {};
  for (const line of stdout.trim().split('\n')) {
    const name = line.split(' ')[0] ?? '';
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

/** Requests after which each of four backends has answered but for a chance below 1 in 10 million. */
const ENOUGH = 64;

/** Asserts that all backends answer, each with its own name, and nothing else. */
export async function assertAllReached(lab: Lab, options: Asking = {}): Promise<void> {
  const counts = await countPages(lab, ENOUGH, options);
  assert.deepEqual(Object.keys(counts).sort(), lab.backends.map((host) => host.name).sort());
}

async function digestOf(file: string): Promise<string> {
  const digest = createHash('sha256');
  for await (const piece of createReadStream(file)) digest.update(piece as Buffer);
  return digest.digest('hex');
}

/** Downloads the lab's big file by curl. Returns its SHA-256, hex. */
export async function download(lab: Lab, from = 'client', family: Family = 4): Promise<string> {
  const pipe = `curl -sS --fail -m 30 '${lab.url(family, { path: '/big' })}' | sha256sum`;
  const { stdout } = await lab.host(from).run(['sh', '-c', pipe], { timeout: 40_000 });
  return stdout.split(' ')[0] ?? '';
}

/** Uploads the lab's big file by curl. Returns the SHA-256, hex, of what the backend has stored. */
export async function upload(lab: Lab, name: string, from = 'client', family: Family = 4): Promise<string> {
  const url = lab.url(family, { path: `/upload/${name}` });
  // Without -H curl waits for '100 Continue' before it sends.
  const curl = ['curl', '-sS', '--fail', '-m', '30', '-H', 'Expect:', '-o', '/dev/null', '-D', '-', '-T', join(lab.folder, 'big.bin'), url];
  const { stdout } = await lab.host(from).run(curl, { timeout: 40_000 });
  assert.match(stdout, /^HTTP\/1\.1 201 /m);
  const backend = /^X-Backend: (\w+)\r?$/m.exec(stdout)?.[1] ?? '';
  return digestOf(uploadedFile(join(lab.folder, lab.host(backend).name), name));
}

/** TCP to the server, TCP from it, UDP. */
export const IPERF_RUNS = [
  ['-n', '20M', '-P', '2'],
  ['-n', '20M', '-R'],
  ['-u', '-n', '1M', '-b', '10M'],
] as const;

/** Bytes that must arrive. Of datagrams a busy machine loses those that nobody reads in time. */
export const leastOf = (flags: readonly string[]): number => (flags.includes('-u') ? 100_000 : 500_000);

/** Services `id` (TCP) and `id` + 1 (UDP) for iperf3, with one backend: its connections belong together, and a flow knows nothing of that. */
export async function setIperfServices(lab: Lab, agent: AgentProcess, id: number, backend: Host, family: Family = 4): Promise<void> {
  for (const [index, protocol] of PROTOCOLS.entries()) {
    const to = endpoints(lab, 5201, [backend], family);
    await agent.must(`service update --id=${id + index} --frontend=${frontendOf(lab, family, 5201, protocol)} --backends=${to}`);
  }
}

/**
 * Runs iperf3 with these flags against the VIP, `backend` being the server, which listens on `address`, of the VIP's family. Returns the bytes that the
 * receiver had when the sender was done: some are still on their way then, so it is less than what was sent.
 */
export async function runIperf(lab: Lab, backend: Host, flags: readonly string[], address: string): Promise<number> {
  const server = backend.spawn(['iperf3', '-s', '-1', '-B', address]);
  const ended = once(server, 'exit');
  try {
    await listening(backend, 5201);
    const { stdout } = await lab.host('client').run(['iperf3', '-c', lab.vipOf(familyOf(address)), '-J', ...flags], { check: false });
    const { error, end } = JSON.parse(stdout) as { error?: string; end?: { sum_received?: { bytes: number } } };
    assert.equal(error, undefined);
    return end?.sum_received?.bytes ?? 0;
  } finally {
    if (server.exitCode === null && server.signalCode === null) server.kill('SIGKILL');
    await ended;
  }
}

async function listening(host: Host, port: number): Promise<void> {
  for (let waited = 0; waited < 5000; waited += 20) {
    const { stdout } = await host.run(['ss', '-Hltn', `sport = :${port}`]);
    if (stdout !== '') return;
    await sleep(20);
  }
  assert.fail(`nothing listens on ${host.name} port ${port}`);
}
