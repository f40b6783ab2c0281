// The desired state as a configuration file: what readConfig() reads back to the same state.
// Imports yaml, agent/model and its siblings.
// Invariant: what is as it would be anyway is left out.

import { formatEndpoint, formatFrontend } from '../model/format.js';
import { HEALTH_PROFILES, type HealthCheck } from '../model/health.js';
import type { Backend, DesiredState, Service } from '../model/service.js';
import { loadYaml } from './late-packages.js';
import { CONFIG_VERSION } from './schema.js';

/** `agent`: flags of the agent that belong to it, by their names. */
export function writeConfig({ mode, deny, services }: DesiredState, agent: Readonly<Record<string, string>> = {}): string {
  return loadYaml().stringify(
    {
      version: CONFIG_VERSION,
      ...(Object.keys(agent).length === 0 ? {} : { agent }),
      mode,
      ...(deny === undefined ? {} : { deny }),
      services: services.map(fileService),
    },
    { lineWidth: 0 },
  );
}

function fileService({ id, frontend, mode, backends, sourceRanges, affinity, quic, health }: Service): object {
  return defined({
    id,
    frontend: formatFrontend(frontend),
    mode,
    sourceAllow: sourceRanges?.allow.length ? sourceRanges.allow : undefined,
    sourceDeny: sourceRanges?.deny.length ? sourceRanges.deny : undefined,
    affinity,
    quic,
    health: health && fileHealth(health),
    backends: backends.map(fileBackend),
  });
}

function fileBackend({ address, port, weight, state, quicId }: Backend): object {
  return defined({
    address: formatEndpoint({ address, port }),
    weight: weight === 1 ? undefined : weight,
    state: state === 'active' ? undefined : state,
    quicId,
  });
}

function fileHealth({ kind, interval, timeout, rise, fall, allDown, ...same }: HealthCheck): object {
  const usual = HEALTH_PROFILES.default;
  const unless = <Value>(value: Value, usually: Value) => (value === usually ? undefined : value);
  return defined({
    check: kind,
    ...same,
    interval: unless(interval / 1000, usual.interval / 1000),
    timeout: unless(timeout / 1000, usual.timeout / 1000),
    rise: unless<number>(rise, usual.rise),
    fall: unless<number>(fall, usual.fall),
    allDown: unless(allDown, 'open'),
  });
}

function defined(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
