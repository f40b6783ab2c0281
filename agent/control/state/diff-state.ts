// What differs between two desired states, as a person would ask for it.
// Imports agent/model. Pure.

import { isDeepStrictEqual } from 'node:util';
import type { DesiredState, Mode, Service } from '../../model/service.js';

export interface ServiceDifference {
  readonly id: number;
  /** Names of the service's fields that differ. */
  readonly fields: readonly string[];
}

export interface StateDifference {
  /** Ids of services. */
  readonly added: readonly number[];
  readonly changed: readonly ServiceDifference[];
  readonly removed: readonly number[];
  /** Undefined: the same. */
  readonly mode: { readonly before: Mode; readonly after: Mode } | undefined;
  /** Prefixes that come on the list of denied clients, and go off it. */
  readonly denied: readonly string[];
  readonly undenied: readonly string[];
}

export function diffStates(before: DesiredState, after: DesiredState): StateDifference {
  const former = new Map(before.services.map((service) => [service.id, service]));
  const wanted = new Set(after.services.map(({ id }) => id));
  const denied = new Set(after.deny ?? []);
  const present = new Set(before.deny ?? []);
  return {
    added: after.services.filter(({ id }) => !former.has(id)).map(({ id }) => id),
    changed: after.services.flatMap((service) => {
      const own = former.get(service.id);
      const fields = own === undefined ? [] : differingFields(own, service);
      return fields.length === 0 ? [] : [{ id: service.id, fields }];
    }),
    removed: before.services.filter(({ id }) => !wanted.has(id)).map(({ id }) => id),
    mode: before.mode === after.mode ? undefined : { before: before.mode, after: after.mode },
    denied: [...denied].filter((prefix) => !present.has(prefix)),
    undenied: [...present].filter((prefix) => !denied.has(prefix)),
  };
}

export function isSame({ added, changed, removed, mode, denied, undenied }: StateDifference): boolean {
  return added.length + changed.length + removed.length + denied.length + undenied.length === 0 && mode === undefined;
}

function differingFields(before: Service, after: Service): readonly string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]) as Set<keyof Service>;
  return [...names].filter((name) => !isDeepStrictEqual(before[name], after[name]));
}
