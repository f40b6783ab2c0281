// A frontend as the key of a service map, and back.
// Imports agent/model and layout.ts.
// Invariant: decoding gives the frontend in the form that buildFrontend gives it.

import type { Frontend } from '../model/service.js';
import { buildFrontend, hostBitsOf } from '../model/frontend.js';
import type { FRONTEND4 } from './layout.js';

export interface FrontendKey {
  /** Bytes. */
  readonly size: number;
  encode(frontend: Frontend): Buffer;
  /** The one at byte `at`. */
  decode(buffer: Buffer, at?: number): Frontend;
}

/** `addressBits`: of the family's addresses. */
export function frontendKey(struct: typeof FRONTEND4, addressBits: number): FrontendKey {
  return {
    size: struct.size,
    encode: (frontend) => struct.encode({ ...frontend, hostBits: hostBitsOf(frontend), lastPort: frontend.lastPort ?? 0 }),
    decode(buffer, at = 0) {
      const { hostBits, lastPort, ...rest } = struct.decode(buffer, at);
      return buildFrontend({ ...rest, lastPort: lastPort === 0 ? undefined : lastPort, prefixLength: addressBits - hostBits });
    },
  };
}
