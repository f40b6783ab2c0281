// Checks the backends of all services that ask for it, each in its own time, and tells whose verdict changed.
// Imports agent/model and its siblings.
// Invariant: a backend that is gone, or whose check is another, is not heard of again; close() leaves no timer and no socket.

import { formatEndpoint } from '../model/format.js';
import type { HealthCheck, HealthStatus } from '../model/health.js';
import type { Endpoint, Service } from '../model/service.js';
import { probe } from './probe.js';
import { judge, UNKNOWN, type Verdict } from './threshold.js';

export type Probe = typeof probe;

/** Of a change of a backend's verdict. */
export interface HealthChange {
  readonly service: number;
  readonly backend: Endpoint;
  readonly status: HealthStatus;
}

/** Up to a tenth of the interval is left out, at random: thousands of checks do not go out at one moment, and none comes late. */
const JITTER = 0.1;

interface Target {
  readonly check: HealthCheck;
  readonly at: Endpoint;
  readonly host: string;
  readonly stop: AbortController;
  readonly service: number;
  readonly backend: Endpoint;
  timer: NodeJS.Timeout | undefined;
  verdict: Verdict;
  since: number;
  reason: string | undefined;
}

export class HealthChecker {
  readonly #changed: (change: HealthChange) => void;
  readonly #probe: Probe;
  readonly #targets = new Map<string, Target>();

  constructor(changed: (change: HealthChange) => void, how: Probe = probe) {
    this.#changed = changed;
    this.#probe = how;
  }

  /** Makes the checks those of these services. `isDown`: of a backend that is new here, what its slot in the data plane says. */
  follow(services: readonly Service[], isDown: (service: number, backend: Endpoint) => boolean = () => false): void {
    const wanted = new Set<string>();
    for (const service of services) {
      const { health } = service;
      if (health === undefined) continue;
      for (const backend of service.backends) {
        const at = { address: backend.address, port: health.port ?? (backend.port || service.frontend.port) };
        // No single port is known for a service of every port.
        if (at.port === 0) continue;
        const key = keyOf(service.id, backend);
        wanted.add(key);
        const present = this.#targets.get(key);
        if (present !== undefined && sameCheck(present.check, health) && present.at.port === at.port) continue;
        present?.stop.abort();
        clearTimeout(present?.timer);
        this.#begin(key, {
          check: health,
          at,
          host: service.frontend.address,
          stop: new AbortController(),
          service: service.id,
          backend: { address: backend.address, port: backend.port },
          timer: undefined,
          verdict: present?.verdict ?? (isDown(service.id, backend) ? { state: 'down', against: 0 } : UNKNOWN),
          since: present?.since ?? Date.now() / 1000,
          reason: present?.reason,
        });
      }
    }
    for (const [key, target] of this.#targets) if (!wanted.has(key)) this.#end(key, target);
  }

  /** Undefined: the backend is not checked. */
  statusOf(service: number, backend: Endpoint): HealthStatus | undefined {
    const target = this.#targets.get(keyOf(service, backend));
    return target && statusOf(target);
  }

  close(): void {
    for (const [key, target] of this.#targets) this.#end(key, target);
  }

  #begin(key: string, target: Target): void {
    this.#targets.set(key, target);
    this.#wait(target, Math.random() * Math.min(target.check.interval, 1000));
  }

  #end(key: string, target: Target): void {
    this.#targets.delete(key);
    clearTimeout(target.timer);
    target.stop.abort();
  }

  #wait(target: Target, milliseconds: number): void {
    target.timer = setTimeout(() => void this.#ask(target), milliseconds).unref();
  }

  async #ask(target: Target): Promise<void> {
    const { check, at, host, stop } = target;
    const began = performance.now();
    const failure = await this.#probe(check, at, host, stop.signal).then(
      () => undefined,
      (error: Error) => error.message,
    );
    if (stop.signal.aborted) return;
    const before = target.verdict.state;
    target.reason = failure;
    target.verdict = judge(target.verdict, failure === undefined, check);
    if (target.verdict.state !== before) {
      target.since = Date.now() / 1000;
      this.#changed({ service: target.service, backend: target.backend, status: statusOf(target) });
    }
    const rest = check.interval * (1 - JITTER * Math.random()) - (performance.now() - began);
    this.#wait(target, Math.max(0, rest));
  }
}

function statusOf({ verdict, since, reason }: Target): HealthStatus {
  return { state: verdict.state, since, reason };
}

function keyOf(service: number, backend: Endpoint): string {
  return `${service} ${formatEndpoint(backend)}`;
}

function sameCheck(one: HealthCheck, other: HealthCheck): boolean {
  return JSON.stringify(Object.entries(one).sort()) === JSON.stringify(Object.entries(other).sort());
}
