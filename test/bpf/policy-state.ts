// Source ranges and affinity as they stand in the data plane's maps, as plain data that test cases write and compare.
// Imports agent/datapath's layout and the map port.
// Invariant: putPolicy leaves nothing of an earlier case behind.

import { FAMILIES } from '../../agent/datapath/families.js';
import { AFFINITY, RANGE, RANGE_ID_BITS, SERVICE_FLAGS } from '../../agent/datapath/layout.js';
import type { ServicePolicy } from '../../agent/datapath/service-table.js';
import { familyOf } from '../../agent/model/address.js';
import type { Permit } from '../../agent/model/source-ranges.js';
import type { BpfMap } from '../../platform/port.js';
import type { DataPlane } from './load.js';

export interface RangeState {
  /** 0: of all services. */
  readonly serviceId: number;
  readonly prefix: string;
  readonly permit: Permit;
}

export interface AffinityState {
  /** The client's. */
  readonly address: string;
  readonly serviceId: number;
  readonly backendId: number;
  readonly backendGeneration: number;
  /** Seconds before now. */
  readonly usedAgo: number;
}

export interface PolicyState {
  /** Default: none. */
  readonly ranges?: readonly RangeState[];
  readonly affinity?: readonly AffinityState[];
}

/** Fields of a service's entry. */
export function policyFields(policy: Partial<ServicePolicy> = {}): { readonly flags: number; readonly affinitySeconds: number } {
  const bit = (name: keyof typeof SERVICE_FLAGS): number => (policy[name] === true ? SERVICE_FLAGS[name] : 0);
  return { flags: bit('ranges') | bit('allowedAlone') | bit('denyList'), affinitySeconds: policy.affinitySeconds ?? 0 };
}

async function clear(map: BpfMap): Promise<void> {
  const keys: Buffer[] = [];
  for await (const chunk of map.chunks()) keys.push(Buffer.from(chunk.keys.subarray(0, chunk.count * map.keySize)));
  for (const chunk of keys) await map.deleteMany(chunk, chunk.length / map.keySize);
}

/** Makes the maps hold exactly this. `ticks`: the time so many seconds ago. */
export async function putPolicy(plane: DataPlane, state: PolicyState, ticks: (secondsAgo: number) => number): Promise<void> {
  for (const { family, maps, sourceRange, affinityClient } of FAMILIES) {
    await clear(plane.map(maps.ranges));
    await clear(plane.map(maps.affinity));
    for (const { serviceId, prefix, permit } of state.ranges ?? []) {
      const [address = '', length] = prefix.split('/');
      if (familyOf(prefix) !== family) continue;
      const key = sourceRange.encode({ prefixLength: RANGE_ID_BITS + Number(length), serviceId, address });
      plane.map(maps.ranges).update(key, RANGE.encode({ permit }));
    }
    for (const { address, serviceId, usedAgo, ...rest } of state.affinity ?? []) {
      if (familyOf(address) !== family) continue;
      plane
        .map(maps.affinity)
        .update(affinityClient.encode({ address, serviceId }), AFFINITY.encode({ ...rest, lastUsed: ticks(usedAgo) }));
    }
  }
}

/** All entries, in the order of clients. */
export async function readAffinity(plane: DataPlane): Promise<readonly AffinityState[]> {
  const now = plane.clock.now();
  const found: AffinityState[] = [];
  for (const { maps, affinityClient } of FAMILIES) {
    for await (const chunk of plane.map(maps.affinity).chunks()) {
      for (let i = 0; i < chunk.count; i++) {
        const { lastUsed, ...rest } = AFFINITY.decode(chunk.values, i * AFFINITY.size);
        const usedAgo = ((now - lastUsed) | 0) / plane.clock.ticksPerSecond;
        found.push({ ...affinityClient.decode(chunk.keys, i * affinityClient.size), ...rest, usedAgo });
      }
    }
  }
  return found.sort((a, b) => (`${a.address} ${a.serviceId}` < `${b.address} ${b.serviceId}` ? -1 : 1));
}
