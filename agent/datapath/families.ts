// What differs between the address families in the maps: their names and structures.
// Imports agent/model and layout.ts.
// Invariant: both families decode to the same plain objects, so the views over the maps are written once.

import { type Family, familyOf } from '../model/address.js';
import { FairleadError } from '../model/errors.js';
import { type FrontendKey, frontendKey } from './frontend-key.js';
import {
  AFFINITY_CLIENT4,
  AFFINITY_CLIENT6,
  BACKEND4,
  BACKEND6,
  FRONTEND4,
  FRONTEND6,
  REVERSE4,
  REVERSE6,
  SLOT4,
  SLOT6,
  SOURCE_RANGE4,
  SOURCE_RANGE6,
  SPAN4,
  SPAN6,
  TUPLE4,
  TUPLE6,
} from './layout.js';

export interface FamilyLayout {
  readonly family: Family;
  readonly maps: {
    readonly conntrack: string;
    readonly snat: string;
    readonly services: string;
    readonly backends: string;
    readonly fragments: string;
    readonly ranges: string;
    readonly affinity: string;
    readonly spans: string;
  };
  readonly tuple: typeof TUPLE4;
  readonly slot: typeof SLOT4;
  readonly reverse: typeof REVERSE4;
  readonly frontend: FrontendKey;
  readonly span: typeof SPAN4;
  readonly backend: typeof BACKEND4;
  readonly sourceRange: typeof SOURCE_RANGE4;
  readonly affinityClient: typeof AFFINITY_CLIENT4;
  /** The address of all zeros: "none" in the maps. */
  readonly unspecified: string;
}

export const IPV4: FamilyLayout = {
  family: 4,
  maps: {
    conntrack: 'ct4',
    snat: 'snat4',
    services: 'lb4_services',
    backends: 'lb4_backends',
    ranges: 'lb4_ranges',
    affinity: 'lb4_affinity',
    fragments: 'frag4',
    spans: 'lb4_spans',
  },
  tuple: TUPLE4,
  slot: SLOT4,
  reverse: REVERSE4,
  frontend: frontendKey(FRONTEND4, 32),
  span: SPAN4,
  backend: BACKEND4,
  sourceRange: SOURCE_RANGE4,
  affinityClient: AFFINITY_CLIENT4,
  unspecified: '0.0.0.0',
};

export const IPV6: FamilyLayout = {
  family: 6,
  maps: {
    conntrack: 'ct6',
    snat: 'snat6',
    services: 'lb6_services',
    backends: 'lb6_backends',
    ranges: 'lb6_ranges',
    affinity: 'lb6_affinity',
    fragments: 'frag6',
    spans: 'lb6_spans',
  },
  tuple: TUPLE6,
  slot: SLOT6,
  reverse: REVERSE6,
  frontend: frontendKey(FRONTEND6, 128),
  span: SPAN6,
  backend: BACKEND6,
  sourceRange: SOURCE_RANGE6,
  affinityClient: AFFINITY_CLIENT6,
  unspecified: '::',
};

/** The families that the data plane forwards. */
export const FAMILIES: readonly FamilyLayout[] = [IPV4, IPV6];

/** The one of `views` that serves the address's family. Throws FL_E_UNSUPPORTED when the data plane does not forward that family. */
export function viewFor<View extends { readonly layout: FamilyLayout }>(views: readonly View[], address: string): View {
  const family = familyOf(address);
  const view = views.find((candidate) => candidate.layout.family === family);
  if (view !== undefined) return view;
  throw new FairleadError('FL_E_UNSUPPORTED', `address ${address}: the data plane does not forward IPv${family}`, {
    hint: 'use an address of a family that it forwards',
  });
}
