// Session affinity: the backend of the client's last flow, step 2 of "First packet of a flow".
// Imports the state's types and worth.ts.

import type { Draft } from './draft.js';
import type { Affinity, Backend, Service } from './state.js';
import { age, backendTable } from './worth.js';

/** Names a client of a service. */
export const clientOf = (client: string, { id }: Pick<Service, 'id'>): string => `${client} ${id}`;

/** The backend of the client's last flow, if a new one may follow it. */
export function affinityBackend({ plane, settings, now }: Draft, service: Service, client: string): number | undefined {
  const last = plane.affinity?.get(clientOf(client, service));
  if (!service.affinitySeconds || last === undefined) return undefined;
  const backend = plane[backendTable(service.action)]?.[last.backendId];
  if (backend?.state !== 'active' || backend.weight === 0 || backend.generation !== last.generation) return undefined;
  return age(settings, now, last.lastUsed) < service.affinitySeconds * settings.ticksPerSecond ? last.backendId : undefined;
}

/** The client's flow has its entry. */
export function noteAffinity(draft: Draft, service: Service, client: string, backendId: number, { generation }: Backend): void {
  if (!service.affinitySeconds) return;
  const noted: Affinity = { backendId, generation, lastUsed: draft.now };
  draft.note({ affinity: new Map([...(draft.plane.affinity ?? []), [clientOf(client, service), noted]]) });
}
