// The address families whose promises are tested end to end, and what of a lab a test names by its family.
// Imports samples/founding-lab and agent/model.
// Invariant: a promise is written once, for any family.

import type { Family } from '../../../agent/model/address.js';
import { formatEndpoint } from '../../../agent/model/format.js';
import type { Protocol } from '../../../agent/model/service.js';
import type { Lab } from '../../../samples/founding-lab/lab.js';

/** What the data plane forwards. With 6 in here the suites keep their promises for IPv6 too; nothing else has to change. */
export const TESTED_FAMILIES: readonly Family[] = [4, 6];

/** '40.1.1.1:80', '[2001:db8:40::1]:53/udp': a frontend at the lab's VIP. */
export function frontendOf(lab: Lab, family: Family, port = 80, protocol?: Protocol): string {
  return `${formatEndpoint({ address: lab.vipOf(family), port })}${protocol === undefined ? '' : `/${protocol}`}`;
}

/** Both families share a lab and its agent: service n of one is not service n of the other. */
export function serviceIdOf(family: Family, number: number): number {
  return 100 * family + number;
}

/** Port of the client for a family's flow: bound to [::] it is taken for IPv4 too, also while a closed connection rests in TIME_WAIT. */
export function localPortOf(family: Family, port: number): number {
  return port + 100 * family;
}
