// The one suite that holds for every adapter of platform/port.ts, in four parts.
// Imports platform/port and its siblings. Each adapter's test file says how to make a subject.
// Invariant: nothing here knows which adapter it tests.

import type { Platform } from '../../platform/port.js';
import { describeMaps } from './conformance-maps.js';
import { describeNetwork } from './conformance-network.js';
import { describePrograms } from './conformance-programs.js';
import { describeRings } from './conformance-rings.js';

/**
 * It does not tell a program's sizes; it takes any device for a test run; it makes maps as they are declared alone; a program's mode is its own choice;
 * it tells no routes and neighbours of IPv6, as Wine does not.
 */
export type Lack = 'sizes' | 'device check' | 'map forms' | 'modes' | 'IPv6 tables';

/** What a test needs around the platform. */
export interface Subject {
  readonly platform: Platform;
  /** A second platform on the same machine, as a later process has it. */
  restart(): Platform;
  /** The probe object: fixtures/probe.c compiled, or any name for an adapter that does not read it. */
  readonly objectFile: string;
  /** An empty place on the BPF file system for this suite alone; not made yet. */
  readonly pinDirectory: string;
  /** A place for lock files. */
  readonly directory: string;
  /** The device that the network part works on. */
  readonly wire: Wire | undefined;
  /** What the system has not, and the port does not promise. */
  readonly lacks?: readonly Lack[];
  dispose(): void;
}

/** What the wire has of one address family: an address, a neighbour that answers and one that does not, a router. */
export interface WireFamily {
  readonly family: 4 | 6;
  readonly address: string;
  readonly prefixLength: number;
  /** On the link, nobody asks for it. */
  readonly onLink: string;
  readonly neighbour: string;
  readonly silent: string;
  /** The neighbour, as routes name it: for IPv6 by its link-local address. */
  readonly router: string;
  /** A destination behind the router, and one that no route leads to. */
  readonly beyond: string;
  readonly nowhere: string;
}

export const WIRE_FAMILIES: readonly WireFamily[] = [
  {
    family: 4,
    address: '10.99.0.1',
    prefixLength: 24,
    onLink: '10.99.0.5',
    neighbour: '10.99.0.2',
    silent: '10.99.0.9',
    router: '10.99.0.2',
    beyond: '198.51.100.1',
    nowhere: '203.0.113.1',
  },
  {
    family: 6,
    address: 'fd99::1',
    prefixLength: 64,
    onLink: 'fd99::5',
    neighbour: 'fd99::2',
    silent: 'fd99::9',
    router: 'fe80::2',
    beyond: '2001:db8:51::1',
    nowhere: '2001:db8:ffff::1',
  },
];
/** What the routes through the routers cover. */
export const BEYOND = { 4: '198.0.0.0/8', 6: '2001:db8:51::/48' } as const;

/** A device with an address of each of WIRE_FAMILIES and with routes to BEYOND; one far end answers for neighbours and routers. */
export interface Wire {
  readonly ifindex: number;
  readonly name: string;
  readonly neighbourMac: string;
  changeLink(): void;
  changeAddress(): void;
  changeRoute(): void;
  /** Another program, by other means, on the device; returns how to take it off. */
  attachForeign(): () => void;
}

export type MakeSubject = (skip: Mocha.Context) => Promise<Subject>;

/** `parts`: the network part needs a machine, or a namespace, of its own. */
export function describeConformance(name: string, make: MakeSubject, parts: readonly ('bpf' | 'network')[] = ['bpf', 'network']): void {
  describe(`platform port: ${name}`, () => {
    let subject: Subject | undefined;
    const get = (): Subject => {
      if (subject === undefined) throw new Error('the subject is made in a before hook');
      return subject;
    };
    before(async function () {
      subject = await make(this);
    });
    after(() => subject?.dispose());
    if (parts.includes('bpf')) {
      describeMaps(get);
      describePrograms(get);
      describeRings(get);
    }
    if (parts.includes('network')) describeNetwork(get);
  });
}

/** For assert.throws and assert.rejects: a FairleadError with this code, its message matching. */
export function withCode(code: string, message = /./): (error: unknown) => boolean {
  return (error) => {
    const { name, code: actual, message: text } = error as { name: string; code: string; message: string };
    if (name === 'FairleadError' && actual === code && message.test(text)) return true;
    throw new Error(`expected ${code} matching ${message}, got ${name} ${actual}: ${text}`);
  };
}
