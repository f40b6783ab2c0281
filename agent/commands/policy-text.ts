// How source ranges and session affinity of a service read: lines under its head, columns beside the others.
// Imports agent/model and its siblings.
// Invariant: a service that asks nothing of its clients reads as if there were no such thing.

import { formatHealth } from '../model/parse-health.js';
import type { ServiceView } from '../model/views.js';
import { countNoun } from './numbers.js';
import type { Column } from './table.js';

/** Prefixes that a line names; the JSON answer has all. */
const SHOWN = 8;

/** 'clients allowed: 10.0.0.0/8, 192.0.2.0/24', 'session affinity: 600 s', ... */
export function policyLines({ sourceRanges, affinity, health }: ServiceView): string[] {
  const lines: string[] = [];
  for (const [permit, word] of [
    ['allow', 'allowed'],
    ['deny', 'denied'],
  ] as const) {
    const prefixes = sourceRanges[permit];
    const more = prefixes.length > SHOWN ? ` and ${prefixes.length - SHOWN} more (-o json has them)` : '';
    if (prefixes.length > 0) lines.push(`clients ${word}: ${prefixes.slice(0, SHOWN).join(', ')}${more}`);
  }
  if (affinity !== undefined) lines.push(`session affinity: ${affinity} s`);
  if (health !== undefined) lines.push(`health: ${formatHealth(health)}`);
  return lines;
}

/** The columns that at least one of the services needs. */
export function policyColumns(services: readonly ServiceView[]): Column<ServiceView>[] {
  const columns: Column<ServiceView>[] = [];
  if (services.some((service) => sourcesOf(service) !== 'any')) columns.push({ title: 'Clients', value: sourcesOf });
  if (services.some(({ affinity }) => affinity !== undefined)) {
    columns.push({ title: 'Affinity', value: ({ affinity }) => (affinity === undefined ? '-' : `${affinity} s`) });
  }
  return columns;
}

/** 'any', '2 ranges allowed', '1 range denied', '2 ranges allowed, 1 denied'. */
function sourcesOf({ sourceRanges: { allow, deny } }: ServiceView): string {
  if (allow.length + deny.length === 0) return 'any';
  if (allow.length === 0) return `${countNoun(deny.length, 'range')} denied`;
  return `${countNoun(allow.length, 'range')} allowed${deny.length === 0 ? '' : `, ${deny.length} denied`}`;
}
