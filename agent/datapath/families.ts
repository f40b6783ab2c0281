// What differs between the address families in the maps: their names and structures. IPv6 enters here as a second row.
// Imports agent/model and layout.ts.
// Invariant: both families decode to the same plain objects, so the views over the maps are written once.

import { type Family, familyOf } from '../model/address.js';
import { FairleadError } from '../model/errors.js';
import { BACKEND4, FRONTEND4, REVERSE4, TUPLE4 } from './layout.js';

export interface FamilyLayout {
  readonly family: Family;
  readonly maps: { readonly conntrack: string; readonly snat: string; readonly services: string; readonly backends: string };
  readonly tuple: typeof TUPLE4;
  readonly reverse: typeof REVERSE4;
  readonly frontend: typeof FRONTEND4;
  readonly backend: typeof BACKEND4;
  /** The address of all zeros: "none" in the maps. */
  readonly unspecified: string;
}

const IPV4: FamilyLayout = {
  family: 4,
  maps: { conntrack: 'ct4', snat: 'snat4', services: 'lb4_services', backends: 'lb4_backends' },
  tuple: TUPLE4,
  reverse: REVERSE4,
  frontend: FRONTEND4,
  backend: BACKEND4,
  unspecified: '0.0.0.0',
};

/** The families that the data plane forwards. */
export const FAMILIES: readonly FamilyLayout[] = [IPV4];

/** The one of `views` that serves the address's family. Throws FL_E_UNSUPPORTED when the data plane does not forward that family. */
export function viewFor<View extends { readonly layout: FamilyLayout }>(views: readonly View[], address: string): View {
  const family = familyOf(address);
  const view = views.find((candidate) => candidate.layout.family === family);
  if (view !== undefined) return view;
  throw new FairleadError('FL_E_UNSUPPORTED', `address ${address}: the data plane does not forward IPv${family}`, {
    hint: 'use an address of a family that it forwards',
  });
}
