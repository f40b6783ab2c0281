// Checks the backends of all services that ask for it, each in its own time, and tells whose verdict changed.
// Imports agent/model and its siblings.
// Invariant: a backend that is gone, or whose check is another, is not heard of again; close() leaves no timer and no socket.

import { formatEndpoint, formatFrontend } from '../model/format.js';
import { DEFAULT_JITTER, type HealthCheck, type HealthStatus } from '../model/health.js';
import type { Endpoint, Service } from '../model/service.js';
import { Stop } from './attempt.js';
import { type Probe, probe } from './probe.js';
import type { Subject } from './subject.js';
import { judge, UNKNOWN, type Verdict } from './threshold.js';

/** Of a change of a backend's verdict. */
export interface HealthChange {
  readonly service: number;
  readonly backend: Endpoint;
  readonly status: HealthStatus;
}

/** What the data plane says of a backend that is new to the checks; undefined: it is new there too. */
export type Known = 'up' | 'down' | undefined;

interface Target {
  readonly check: HealthCheck;
  readonly subject: Subject;
  readonly stop: Stop;
  timer: NodeJS.Timeout | undefined;
  verdict: Verdict;
  since: number;
  reason: string | undefined;
}

export class HealthChecker {
  readonly #changed: (change: HealthChange) => void;
  readonly #probe: Probe;
  readonly #targets = new Map<string, Target>();
  /** By service id, what is followed: a service is an object that never changes, another one replaces it. */
  readonly #followed = new Map<number, { readonly service: Service; readonly keys: ReadonlySet<string> }>();

  constructor(changed: (change: HealthChange) => void, how: Probe = probe) {
    this.#changed = changed;
    this.#probe = how;
  }

  /** Makes the checks those of these services. `known`: of a backend that is new here, what its slot in the data plane says. */
  follow(services: readonly Service[], known: (service: number, backend: Endpoint) => Known = () => undefined): void {
    const present = new Set(services.map(({ id }) => id));
    for (const [id, { keys }] of this.#followed) {
      if (present.has(id)) continue;
      for (const key of keys) this.#end(key);
      this.#followed.delete(id);
    }
    for (const service of services) {
      const before = this.#followed.get(service.id);
      if (before?.service === service) continue;
      const keys = this.#followOne(service, known);
      for (const key of before?.keys ?? []) if (!keys.has(key)) this.#end(key);
      this.#followed.set(service.id, { service, keys });
    }
  }

  /** The keys of the service's targets. */
  #followOne(service: Service, known: (service: number, backend: Endpoint) => Known): ReadonlySet<string> {
    const wanted = new Set<string>();
    const { health } = service;
    if (health === undefined) return wanted;
    for (const backend of service.backends) {
      const at = placeOf(service, backend);
      if (at === undefined) continue;
      const key = keyOf(service.id, backend);
      wanted.add(key);
      const present = this.#targets.get(key);
      if (present !== undefined && sameCheck(present.check, health) && sameSubject(present.subject, at, service)) continue;
      present?.stop.stop();
      clearTimeout(present?.timer);
      this.#begin(key, {
        check: health,
        subject: { service: service.id, frontend: service.frontend, backend: { address: backend.address, port: backend.port }, at },
        stop: new Stop(),
        timer: undefined,
        verdict: present?.verdict ?? beginning(health, known(service.id, backend)),
        since: present?.since ?? Date.now() / 1000,
        reason: present?.reason,
      });
    }
    return wanted;
  }

  /** Undefined: the backend is not checked. */
  statusOf(service: number, backend: Endpoint): HealthStatus | undefined {
    const target = this.#targets.get(keyOf(service, backend));
    return target && statusOf(target);
  }

  close(): void {
    for (const key of this.#targets.keys()) this.#end(key);
    this.#followed.clear();
  }

  #begin(key: string, target: Target): void {
    this.#targets.set(key, target);
    this.#wait(target, Math.random() * Math.min(target.check.interval, 1000));
  }

  #end(key: string): void {
    const target = this.#targets.get(key);
    this.#targets.delete(key);
    clearTimeout(target?.timer);
    target?.stop.stop();
  }

  #wait(target: Target, milliseconds: number): void {
    target.timer = setTimeout(() => void this.#ask(target), milliseconds).unref();
  }

  async #ask(target: Target): Promise<void> {
    const { check, subject, stop } = target;
    const began = performance.now();
    const failure = await this.#probe(check, subject, stop).then(
      () => undefined,
      (error: Error) => error.message,
    );
    if (stop.stopped) return;
    const before = target.verdict.state;
    target.reason = failure;
    target.verdict = judge(target.verdict, failure === undefined, check);
    if (target.verdict.state !== before) {
      target.since = Date.now() / 1000;
      this.#changed({ service: subject.service, backend: subject.backend, status: statusOf(target) });
    }
    // Part of the interval is left out, at random: thousands of checks do not go out at one moment, and none comes late.
    const rest = check.interval * (1 - ((check.jitter ?? DEFAULT_JITTER) / 100) * Math.random()) - (performance.now() - began);
    this.#wait(target, Math.max(0, rest));
  }
}

function statusOf({ verdict, since, reason }: Target): HealthStatus {
  return { state: verdict.state, since, reason };
}

/** Where the backend is asked; undefined: it is not checked, as no single port is known for a service of every port. A program may need none. */
export function placeOf({ health, frontend }: Service, backend: Endpoint): Endpoint | undefined {
  if (health === undefined) return undefined;
  const port = health.port ?? (backend.port || frontend.port);
  return port === 0 && health.kind !== 'exec' ? undefined : { address: backend.address, port };
}

/** A backend that serves already goes on serving, whatever new ones begin as. */
function beginning({ initial }: HealthCheck, known: Known): Verdict {
  if (known === 'down') return { state: 'down', against: 0 };
  return known === 'up' && initial === 'down' ? { state: 'up', against: 0 } : UNKNOWN;
}

function sameSubject({ at, frontend }: Subject, { port }: Endpoint, service: Service): boolean {
  return at.port === port && formatFrontend(frontend) === formatFrontend(service.frontend);
}

function keyOf(service: number, backend: Endpoint): string {
  return `${service} ${formatEndpoint(backend)}`;
}

function sameCheck(one: HealthCheck, other: HealthCheck): boolean {
  return JSON.stringify(Object.entries(one).sort()) === JSON.stringify(Object.entries(other).sort());
}
