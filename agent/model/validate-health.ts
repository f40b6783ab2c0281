// Whether a service's health check can be made, and may be.
// Imports its siblings only.
// Invariant: a check by exec is in no running state whose agent does not allow it.

import { FairleadError } from './errors.js';
import { formatFrontend } from './format.js';
import type { Service } from './service.js';

/** Throws FL_E_VALUE for a check by way of DSR that no packet of the service could make. */
export function validateHealth({ id, health, frontend }: Service): void {
  if (health?.through !== 'dsr') return;
  if (frontend.protocol === 'tcp' || health.kind === 'udp') return;
  throw new FairleadError('FL_E_VALUE', `service ${id}: ${formatFrontend(frontend)} is not checked by way of DSR with ${health.kind}`, {
    hint: 'a service of UDP is checked so with --health=udp alone; or give --health-through=direct',
  });
}

/** Throws FL_E_PERMISSION for a check by exec unless the agent allows such. */
export function validateExec({ id, health }: Service, allowed: boolean): void {
  if (allowed || health?.kind !== 'exec') return;
  throw new FairleadError(
    'FL_E_PERMISSION',
    `service ${id}: a health check by exec runs a program as the agent's user: this agent does not`,
    {
      hint: 'start the agent with --health-exec=on, or check by tcp, http, udp or grpc',
    },
  );
}
