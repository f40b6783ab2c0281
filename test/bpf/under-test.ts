// What the data plane can do by now: the cases for the rest are written and checked against themselves (cases.test.ts), but not run.
// Imports types alone. Each constant goes away when the data plane has what it speaks of.

import type { Family } from './hosts.js';

/** Families that the program forwards. A frame of another one passes as NOT_IP. */
export const FAMILIES_UNDER_TEST: readonly Family[] = [4, 6];

/** VLAN tags and IPv4 options: forwarded (true), or passed (false) as NOT_IP and `ip_options`. */
export const TAGS_AND_OPTIONS_UNDER_TEST: boolean = true;

/** The reason of a frame that is no IP packet. */
export const NOT_IP = 'not_ip';

/** The reason of a packet whose IPv6 extension headers are more than are walked, or lead it elsewhere first. */
export const EXTENSIONS = 'ip_headers';

/** How many IPv6 extension headers are walked: at least all that RFC 8200, section 4.1 has in one packet without IPsec, which is 5. */
export const EXTENSIONS_WALKED = 6;
