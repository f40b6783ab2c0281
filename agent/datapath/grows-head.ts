// Whether a loaded program can make packets longer at their head on this system, as IPIP does.
// Imports platform/port, agent/model/errors.
// Invariant: asking counts nothing and changes no map.

import type { BpfProgram } from '../../platform/port.js';
import { FairleadError } from '../model/errors.js';

/** Not IP, and of a length that every driver takes. */
const FRAME_BYTES = 64;

/** process() in bpf/fairlead.c answers, where the platform leaves it in doubt. False too where the system cannot run a program on a frame. */
export function growsHead(program: Pick<BpfProgram, 'testRun'>): boolean {
  try {
    const { verdict, packet } = program.testRun(Buffer.alloc(FRAME_BYTES), { ingressIfindex: 0 });
    return verdict === 'pass' && packet.length > FRAME_BYTES;
  } catch (error) {
    if (error instanceof FairleadError) return false;
    throw error;
  }
}
