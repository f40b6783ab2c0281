// What checks by way of DSR need of the network: the way to a backend, an address for the answer, and what sends and hears.
// Imports agent/health, agent/model and its siblings.
// Invariant: a probe takes the way that the data plane would send a flow's packets.

import type { DsrNetwork, Way } from '../health/probe-dsr.js';
import { familyOf } from '../model/address.js';
import type { SessionParts } from './session.js';

export function dsrNetwork({
  hops,
  settings,
  lbAddresses,
  platform,
}: Pick<SessionParts, 'hops' | 'settings' | 'lbAddresses' | 'platform'>): DsrNetwork {
  return {
    wayTo: (backend): Way => {
      const { local, via, resolved, text } = hops.get(backend);
      if (local) return { kind: 'local' };
      if (via === undefined || resolved === undefined) return { kind: 'none', why: text };
      return settings.dispatch === 'l2' ? { kind: 'link', ifindex: via.ifindex, mac: resolved.dstMac } : { kind: 'wrapped', to: backend };
    },
    sourceFor: (backend, family) => {
      const { source } = hops.get(backend);
      return source !== undefined && familyOf(source) === family ? source : lbAddresses.find((address) => familyOf(address) === family);
    },
    open: (family, heard) => platform.network.openProbePath(family, heard),
  };
}
