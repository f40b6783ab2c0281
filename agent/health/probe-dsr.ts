// The check by way of DSR: a SYN to the virtual address goes to one backend as clients' packets do, and a SYN-ACK must come from that address.
// Imports node:crypto, agent/model and its siblings. What sends and hears is given by agent/control.
// Invariant: a probe begins no flow and no connection: the half-open one that it makes is reset by the same way.
// It says that the decapsulator, the virtual address and a listener are there. The path back is the backend's own, as for every answer in DSR.

import { randomInt } from 'node:crypto';
import { type Family, familyOf } from '../model/address.js';
import type { HealthCheck } from '../model/health.js';
import { attempt, type End, type Stop } from './attempt.js';
import { buildSegment, FLAGS, readSegment, type Segment } from './dsr-packet.js';
import type { Probe } from './probe.js';
import type { Subject } from './subject.js';

/** How packets in DSR reach a backend. */
export type Way =
  | { readonly kind: 'wrapped'; readonly to: string }
  | { readonly kind: 'link'; readonly ifindex: number; readonly mac: string }
  /** The backend is this node. */
  | { readonly kind: 'local' }
  | { readonly kind: 'none'; readonly why: string };

export interface Sender {
  readonly port: number;
  sendWrapped(to: string, packet: Buffer): void;
  sendOnLink(ifindex: number, mac: string, packet: Buffer): void;
  close(): void;
}

/** What the network is to these probes. */
export interface DsrNetwork {
  wayTo(backend: string): Way;
  /** Address of this node that answers of a backend come back to. */
  sourceFor(backend: string, family: Family): string | undefined;
  open(family: Family, heard: (packet: Buffer) => void): Sender;
}

/** A SYN that was sent. */
interface Sent {
  readonly way: Way;
  readonly segment: Segment;
}
interface Waiting extends Sent {
  readonly end: End;
}
interface Past extends Sent {
  /** By performance.now(). */
  readonly until: number;
}

/** How long a SYN that was answered, or not, is remembered: SYN-ACKs are sent again after 1, 3 and 7 s. Milliseconds. */
const REMEMBERED = 10_000;

export class DsrProber {
  readonly #network: DsrNetwork;
  readonly #direct: Probe;
  readonly #senders = new Map<Family, Sender>();
  /** By the number that the answer acknowledges. */
  readonly #waiting = new Map<number, Waiting>();
  /** The same, of checks that have ended; oldest first. */
  readonly #past = new Map<number, Past>();

  /** `direct`: the check of the backend's own address. */
  constructor(network: DsrNetwork, direct: Probe) {
    this.#network = network;
    this.#direct = direct;
  }

  /** The check as it asks to be made: by way of DSR, and, where it looks at more than a connection, of the backend's own address too. */
  readonly probe: Probe = async (check, subject, stop) => {
    const way = check.through === 'dsr' ? this.#network.wayTo(subject.backend.address) : LOCAL;
    // A backend that is this node gets its packets as they are.
    if (way.kind === 'local') return this.#direct(check, subject, stop);
    const probes = [this.#knock(way, check, subject, stop)];
    if (check.kind !== 'tcp') probes.push(this.#direct(check, subject, stop));
    await Promise.all(probes);
  };

  close(): void {
    for (const sender of this.#senders.values()) sender.close();
    this.#senders.clear();
  }

  #knock(way: Way, { timeout, port }: HealthCheck, { backend, frontend }: Subject, stop: Stop): Promise<void> {
    return attempt(timeout, stop, (end) => {
      const done = () => {};
      const family = familyOf(frontend.address);
      const source = this.#network.sourceFor(backend.address, family);
      if (way.kind === 'none') end(way.why);
      else if (source === undefined) end(`this node has no IPv${family} address for the answer`);
      else {
        const sender = this.#senderOf(family);
        // Ports are not translated in DSR: the backend's own is that of the frontend.
        const place = { source, sourcePort: sender.port, destination: frontend.address, destinationPort: port ?? frontend.port };
        const acknowledged = this.#freeNumber();
        const segment = { ...place, sequence: (acknowledged - 1) >>> 0, flags: FLAGS.syn };
        this.#waiting.set(acknowledged, { way, segment, end });
        send(sender, way, segment);
        return () => this.#takeBack(acknowledged);
      }
      return done;
    });
  }

  /**
   * Resets the half-open connection, if there is one. Should the reset be lost or the SYN-ACK come late, the backend would hold it for a minute, and
   * answer every later SYN of this port with an acknowledgment of the old one; so it is remembered for a while.
   */
  #takeBack(acknowledged: number): void {
    const waiting = this.#waiting.get(acknowledged);
    if (waiting === undefined) return;
    this.#waiting.delete(acknowledged);
    this.#reset(waiting);
    const now = performance.now();
    for (const [number, { until }] of this.#past) {
      if (until > now) break;
      this.#past.delete(number);
    }
    this.#past.set(acknowledged, { way: waiting.way, segment: waiting.segment, until: now + REMEMBERED });
  }

  #reset({ way, segment }: Sent): void {
    const sender = this.#senders.get(familyOf(segment.destination));
    try {
      if (sender !== undefined) send(sender, way, { ...segment, sequence: (segment.sequence + 1) >>> 0, flags: FLAGS.reset });
    } catch {
      // What could not be sent is sent when the backend asks again.
    }
  }

  #hear(packet: Buffer): void {
    const heard = readSegment(packet);
    if (heard === undefined) return;
    const waiting = this.#waiting.get(heard.acknowledged);
    const sent = waiting ?? this.#past.get(heard.acknowledged);
    // Whoever does not answer from the virtual address is not the one that was asked.
    if (sent === undefined || !answers(heard, sent.segment)) return;
    if (heard.flags & FLAGS.reset) waiting?.end('connection refused at the virtual address');
    else if (waiting === undefined) this.#reset(sent);
    else if ((heard.flags & (FLAGS.syn | FLAGS.ack)) === (FLAGS.syn | FLAGS.ack)) waiting.end();
  }

  #senderOf(family: Family): Sender {
    const known = this.#senders.get(family);
    if (known !== undefined) return known;
    const sender = this.#network.open(family, (packet) => this.#hear(packet));
    this.#senders.set(family, sender);
    return sender;
  }

  /** Not to be guessed, as no initial sequence number should be (RFC 6528): an answer proves that the SYN was seen. */
  #freeNumber(): number {
    for (;;) {
      const number = randomInt(0x1_0000_0000);
      if (!this.#waiting.has(number) && !this.#past.has(number)) return number;
    }
  }
}

function answers(heard: Segment, { source, destination, destinationPort }: Segment): boolean {
  return heard.source === destination && heard.sourcePort === destinationPort && heard.destination === source;
}

const LOCAL: Way = { kind: 'local' };

function send(sender: Sender, way: Way, segment: Segment): void {
  if (way.kind === 'wrapped') sender.sendWrapped(way.to, buildSegment(segment));
  if (way.kind === 'link') sender.sendOnLink(way.ifindex, way.mac, buildSegment(segment));
}
