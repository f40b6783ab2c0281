// What packet tests run the data plane on: this kernel (kernel-bed.ts), or an interpreter that stands for another one (interpreter-bed.ts).
// Imports types alone.
// Invariant: a case runs on each in the same way, and does not know on which.

import type { Bpf, BpfMap, BpfProgram, Capabilities, Clock, MapSpec, Platform } from '../../platform/port.js';

export interface TestBed {
  readonly flavour: Platform['flavour'];
  readonly capabilities: Pick<Capabilities, 'multiBuffer'>;
  /** Macros of the build that reads its settings from the config map. */
  readonly genericMacros: Readonly<Record<string, string>>;
  clock(): Promise<Clock>;
  /** The program `fairlead` of the object, with maps of its own that nothing pins. */
  load(objectFile: string): Promise<BpfProgram>;
  createMap(spec: MapSpec): BpfMap;
  /** What reads its ring buffers. */
  readonly rings: Pick<Bpf, 'openRing'>;
  /** Runs synchronous code where test packets must run. */
  run<Result>(action: () => Result): Result;
  /** Whether the FIB answers the program's questions. To be called inside run(). */
  setForwarding(on: boolean): void;
}
