// What the status command says of services whose backends are down: one line each.
// Imports agent/health's words, agent/model and its siblings.
// Invariant: a service has a line while a backend of it is down, and none when it is gone. A change costs one service's backends, not all.

import { formatEndpoint } from '../model/format.js';
import type { HealthStatus } from '../model/health.js';
import type { Endpoint, Service } from '../model/service.js';
import type { Warnings } from './warnings.js';

/** Backends that a line names. */
const NAMED = 3;

export interface HealthSource {
  statusOf(service: number, backend: Endpoint): HealthStatus | undefined;
  /** All backends are down, and new flows go to them all the same. */
  failsOpen(service: Service): boolean;
}

export class HealthWarnings {
  readonly #warnings: Warnings;
  readonly #source: HealthSource;
  /** Services as they were last looked at: another state is another object. */
  readonly #seen = new Map<number, Service>();

  constructor(warnings: Warnings, source: HealthSource) {
    this.#warnings = warnings;
    this.#source = source;
  }

  /** These are all services now; those that changed are looked at. */
  follow(services: readonly Service[]): void {
    const present = new Set(services.map(({ id }) => id));
    for (const id of this.#seen.keys()) {
      if (present.has(id)) continue;
      this.#seen.delete(id);
      this.#warnings.set(causeOf(id), undefined);
    }
    for (const service of services) if (this.#seen.get(service.id) !== service) this.tell(service);
  }

  /** The checks of this service found something. */
  tell(service: Service): void {
    this.#seen.set(service.id, service);
    this.#warnings.set(causeOf(service.id), service.health && this.#lineOf(service));
  }

  #lineOf(service: Service): string | undefined {
    const down = service.backends.flatMap((backend) => {
      const status = this.#source.statusOf(service.id, backend);
      return status?.state === 'down' ? [`${formatEndpoint(backend)} (${status.reason ?? 'not up again yet'})`] : [];
    });
    if (down.length === 0) return undefined;
    const more = down.length > NAMED ? ` and ${down.length - NAMED} more` : '';
    const open = this.#source.failsOpen(service) ? '; all are: new flows go to them all the same' : '';
    return `service ${service.id}: down: ${down.slice(0, NAMED).join(', ')}${more}${open}`;
  }
}

const causeOf = (id: number): string => `health of ${id}`;
