// UDP through the LB: echo servers on the backends, and a client that asks from many ports.
// Imports its siblings; datagrams are sent by udp-worker.ts in processes of their own.
// Invariant: an answer counts only when it comes from the address that was asked and carries the question.

import type { Lab } from './lab.js';
import { FAMILIES } from './options.js';
import { startWorker, type Worker } from './worker.js';

export interface UdpOptions {
  /** Host that asks. Default client. */
  readonly from?: string;
  /** Address to ask, of either family. Default the VIP of IPv4. */
  readonly address?: string;
  readonly port: number;
  /** Sockets, each with a source port of its own: flows. Default 8. */
  readonly sockets?: number;
  /** Datagrams from each socket, one after the other's answer. Default 4. */
  readonly datagrams?: number;
  /** Bytes of each datagram. Default 64. */
  readonly size?: number;
  /** Milliseconds to wait for an answer. Default 1000. */
  readonly timeout?: number;
}

export interface UdpReport {
  readonly sent: number;
  readonly answered: number;
  /** Answers by backend name. */
  readonly backends: Readonly<Record<string, number>>;
  /** Sockets that got answers from more than one backend: 0 when flows are kept. */
  readonly moved: number;
}

/** Starts an echo server on every backend, at its own addresses and at the VIPs (DSR's replies leave from there). */
export async function startUdpEcho(lab: Lab, port: number, vips = FAMILIES.map((family) => lab.vipOf(family))): Promise<readonly Worker[]> {
  return Promise.all(
    lab.backends.map((host) =>
      startWorker(host, 'udp-worker.ts', {
        role: 'echo',
        name: host.name,
        port,
        addresses: [...FAMILIES.map((family) => host.addressOf(family)), ...vips],
      }),
    ),
  );
}

/** Sends datagrams and waits for the answers. */
export async function askUdp(lab: Lab, options: UdpOptions): Promise<UdpReport> {
  const worker = await startWorker(lab.host(options.from ?? 'client'), 'udp-worker.ts', { role: 'ask', address: lab.vip, ...options });
  return (await worker.done) as UdpReport;
}

export interface UdpFlows {
  /** Host that sends. Default client. */
  readonly from?: string;
  /** Its own addresses to send from, of the VIP's family. */
  readonly sources: readonly string[];
  /** Source ports, inclusive: each address and port is one flow. */
  readonly ports: readonly [number, number];
  /** The VIP; default that of IPv4. */
  readonly address?: string;
  /** Port of the VIP. */
  readonly port: number;
}

/** Sends one datagram of each flow and waits for no answer. Returns how many were sent. */
export async function openUdpFlows(lab: Lab, flows: UdpFlows): Promise<number> {
  const worker = await startWorker(lab.host(flows.from ?? 'client'), 'udp-worker.ts', { role: 'open', address: lab.vip, ...flows });
  return ((await worker.done) as { sent: number }).sent;
}
