// The one suite that holds for every adapter of platform/port.ts, in three parts.
// Imports platform/port and its siblings. Each adapter's test file says how to make a subject.
// Invariant: nothing here knows which adapter it tests.

import type { Platform } from '../../platform/port.js';
import { describeMaps } from './conformance-maps.js';
import { describeNetwork } from './conformance-network.js';
import { describePrograms } from './conformance-programs.js';

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
  dispose(): void;
}

/** A device 10.99.0.1/24 with a neighbour that answers and one that does not; the default route leads to the first. */
export interface Wire {
  readonly ifindex: number;
  readonly name: string;
  readonly neighbour: string;
  readonly neighbourMac: string;
  readonly silent: string;
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
