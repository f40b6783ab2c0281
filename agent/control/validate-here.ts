// What a service may ask for here: it depends on the agent's flags and on the platform, not on the service alone.
// Imports agent/model.
// Invariant: what passes the data plane can carry out.

import { FairleadError } from '../model/errors.js';
import type { Dispatch, Mode, Service } from '../model/service.js';
import { validateCrossing } from '../model/validate-families.js';
import { validateExec } from '../model/validate-health.js';

export interface Here {
  readonly dispatch: Dispatch;
  readonly healthExec: boolean;
  /** A program can make a packet longer at its head. */
  readonly growsHead: boolean;
}

/** Throws FL_E_UNSUPPORTED for DSR by IPIP where no program can make a packet longer. */
export function validateMode(mode: Mode, { dispatch, growsHead }: Omit<Here, 'healthExec'>, what = `mode ${mode}`): void {
  if (mode !== 'dsr' || dispatch !== 'ipip' || growsHead) return;
  throw new FairleadError('FL_E_UNSUPPORTED', `${what}: DSR by IPIP makes packets longer, and on this platform no program can`, {
    hint: 'start the agent with --dsr-dispatch=l2; its backends stand on the load balancer’s own link',
  });
}

/** `mode`: the agent's. Throws FL_E_UNSUPPORTED, FL_E_CONFLICT. */
export function validateHere(service: Service, mode: Mode, here: Here): void {
  validateMode(service.mode ?? mode, here, `service ${service.id}`);
  validateCrossing(service, mode, here.dispatch);
  validateExec(service, here.healthExec);
}
