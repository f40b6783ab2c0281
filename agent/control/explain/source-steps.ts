// Whether the client's address may begin a flow.
// Imports agent/datapath, agent/model and its siblings.
// Invariant: the maps decide; the desired state tells which prefix it was.

import type { ServiceEntry } from '../../datapath/service-table.js';
import { permitOf } from '../../datapath/trace-service.js';
import type { Trace } from '../../datapath/trace.js';
import { coversAddress } from '../../model/frontend.js';
import type { Decision, Steps } from './steps.js';
import type { Surroundings } from './surroundings.js';

/** Not undefined: it may not. */
export function explainSource(trace: Trace, { state }: Surroundings, entry: ServiceEntry, steps: Steps): Decision | undefined {
  const { saddr } = trace.tuple;
  const { policy } = entry;
  const denied = (why: string): Decision => steps.end('source', `${saddr} is denied: ${why}`, 'drop', 'source_denied');
  if (policy?.denyList && permitOf(trace, 'all') === 'deny')
    return denied(`${longest(saddr, state.deny)} is on the list of denied clients`);
  const clean = policy?.denyList ? 'not on the list of denied clients' : 'no client is denied to all services';
  if (!policy?.ranges) {
    steps.add('source', `${saddr}: ${clean}, and the service takes all`);
    return undefined;
  }
  const ranges = state.services.find(({ id }) => id === entry.id)?.sourceRanges;
  const permit = permitOf(trace, entry.id);
  const prefix = longest(saddr, [...(ranges?.allow ?? []), ...(ranges?.deny ?? [])]);
  if (permit === 'deny') return denied(`the service's longest source range that holds it, ${prefix}, denies`);
  if (permit === undefined && policy.allowedAlone) return denied("it is in none of the service's source ranges, and some are allowed");
  const why = permit === undefined ? "in none of the service's source ranges, and none is allowed alone" : `the service allows ${prefix}`;
  steps.add('source', `${saddr}: ${clean}; ${why}`);
  return undefined;
}

/** The longest prefix of the list that holds the address. */
function longest(address: string, prefixes: readonly string[] | undefined): string {
  const length = (prefix: string) => Number(prefix.split('/')[1]);
  const holding = (prefixes ?? []).filter((prefix) => {
    const [first = ''] = prefix.split('/');
    return coversAddress({ address: first, port: 0, protocol: 'tcp', prefixLength: length(prefix) }, address);
  });
  return holding.sort((a, b) => length(b) - length(a))[0] ?? 'a range that is not in the desired state';
}
