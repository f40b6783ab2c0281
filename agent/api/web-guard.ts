// What a browser is told and asked before anything is answered on the network: headers that bind the page, and names that are ours.
// Imports agent/model.
// Invariant: a page of somebody else's, also one whose name leads here (DNS rebinding), cannot read the page or its stream.

import { isIP } from 'node:net';
import { FairleadError } from '../model/errors.js';

/** With every answer. No source but this one: uPlot sets its styles by script (CSSOM), which style-src allows. */
export const WEB_HEADERS = {
  'content-security-policy': "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
} as const;

/** HTTP's status for a request that came to the wrong place (RFC 9110 §15.5.20). */
export const MISDIRECTED = 421;

/**
 * The error for a request whose Host names somebody else; undefined: it may be answered. IP addresses and localhost always may: no name of
 * another can be made to mean them. A request without the header comes from no browser.
 */
export function refuseHost(host: string | undefined, names: readonly string[]): FairleadError | undefined {
  if (host === undefined) return undefined;
  const name = host.replace(/:\d*$/, '').replace(/\.$/, '').toLowerCase();
  if (isIP(name) !== 0 || (/^\[.*\]$/.test(name) && isIP(name.slice(1, -1)) === 6)) return undefined;
  if (name === 'localhost' || name.endsWith('.localhost') || names.includes(name)) return undefined;
  return new FairleadError('FL_E_PERMISSION', `Host ${JSON.stringify(host.slice(0, 100))}: not a name of this agent`, {
    hint: 'ask for it by its IP address, or start the agent with --web-name=NAME',
  });
}
