// Whether a service's health check can be made, and may be.
// Imports its siblings only.
// Invariant: a check by exec is in no running state whose agent does not allow it.

import { FairleadError } from './errors.js';
import { formatFrontend } from './format.js';
import type { Service } from './service.js';

/** Throws FL_E_VALUE for a check by way of DSR that no packet of the service could make. */
export function validateHealth({ id, health, frontend }: Service): void {
  if (health?.through !== 'dsr') return;
  const refuse = (problem: string, hint: string) =>
    new FairleadError('FL_E_VALUE', `service ${id}: ${formatFrontend(frontend)} cannot be checked by way of DSR: ${problem}`, { hint });
  if (frontend.protocol !== 'tcp') throw refuse('that takes a SYN, and it is not of TCP', 'give --health-through=direct');
  if (frontend.port === 0 && health.port === undefined) throw refuse('it has every port', 'say which with --health-port');
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
