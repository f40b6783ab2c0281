// What a packet must have left in the counters of backends and services, told from what every packet case says anyway.
// Imports the cases' types and state.ts.
// Invariant: sums over the backends are those of the reasons, so that no way to a backend is forgotten.

import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { addStats, NO_REFUSALS, NO_STATS } from '../../agent/datapath/stats-table.js';
import type { Refusals } from '../../agent/datapath/layout.js';
import { addressBytes, formatAddress } from '../../agent/model/address.js';
import { decodeFrame } from '../support/packet/parse.js';
import type { PacketCase } from './case.js';
import { type DataPlane, SIZES } from './load.js';
import { type PlaneState, statsOf } from './state.js';

const TO_BACKEND = ['snat_request', 'dsr_ipip', 'dsr_l2', 'dsr_untracked', 'icmp_to_backend', 'local_backend'];
const TO_CLIENT = ['snat_reply', 'icmp_to_client'];
/** Reasons of packets that would have begun a flow, by the names that the counters have; the last two are others', too. */
const REFUSED: Readonly<Record<string, keyof Refusals>> = {
  source_denied: 'sourceDenied',
  snat_ports: 'snatPorts',
  new_flow_rate: 'newFlowRate',
  flow_table: 'flowTable',
  no_backend: 'noBackend',
  unresolved: 'unresolved',
};

/** Ids of the backends that the case lets the packet come from or go to: one, or several with the same next hop. */
function backendsOf(given: PacketCase, { backends }: PlaneState, out: Buffer): readonly number[] {
  if (given.reason === 'snat_reply') {
    const source = decodeFrame(given.packet).find(({ name }) => name === 'ip.src')?.text;
    const ids = backends
      .filter(({ address }) => source !== undefined && address === formatAddress(addressBytes(source)))
      .map(({ id }) => id);
    return ids.length === 0 ? [0] : ids; // as putState() has it
  }
  // A router may have sent the one; the other leaves as it came.
  if (given.reason === 'icmp_to_client' || given.reason === 'local_backend') return backends.map(({ id }) => id);
  const mac = out.toString('hex', 0, 6).replace(/..(?!$)/g, '$&:');
  return backends
    .filter(({ id, mac: before }) => (given.backends?.find((one) => one.id === id)?.mac ?? before) === mac)
    .map(({ id }) => id);
}

/** Flows that this packet has begun; undefined: the case does not tell. */
function begunBy(given: PacketCase, before: PlaneState): number | undefined {
  if (given.entries === 'open' || given.earlier !== undefined) return undefined;
  const after = given.flows ?? before.flows;
  return after.filter((flow) => flow.packets === 1 && !before.flows.some((other) => isDeepStrictEqual(other, flow))).length;
}

/** All counters were 0 before the packet. */
export async function checkStats(plane: DataPlane, given: PacketCase, before: PlaneState, out: Buffer): Promise<void> {
  const stats = statsOf(plane);
  const all = await stats.backends(Array.from({ length: SIZES.maxBackends }, (_, id) => id));
  const counted = [...all].filter(([, one]) => !isDeepStrictEqual(one, NO_STATS)).map(([id]) => id);
  const { newFlows, ...sum } = [...all.values()].reduce(addStats, NO_STATS);
  const one = { packets: 1, bytes: given.packet.length };
  const none = { packets: 0, bytes: 0 };
  const requests = TO_BACKEND.includes(given.reason) ? one : none;
  const replies = TO_CLIENT.includes(given.reason) ? one : none;
  assert.deepEqual(sum, { ...requests, replyPackets: replies.packets, replyBytes: replies.bytes }, "the backends' counters");
  assert.equal(newFlows, begunBy(given, before) ?? newFlows, 'new flows of the backends');
  if (requests === one || replies === one) {
    assert.equal(counted.length, 1, 'one backend counts');
    assert.ok(backendsOf(given, before, out).includes(counted[0] as number), `backend ${counted[0]} counts`);
  }
  const refusals = before.services.map(({ id }) => stats.refusals(id)).filter((found) => !isDeepStrictEqual(found, NO_REFUSALS));
  const reason = (given.refusedBy ?? given.reason).replace(/_(reset|unreachable)$/, '');
  const wanted = reason in REFUSED ? [{ ...NO_REFUSALS, [REFUSED[reason] as string]: 1 }] : [];
  const ofOthersToo = refusals.length === 0 && ['no_backend', 'unresolved'].includes(reason);
  if (!ofOthersToo) assert.deepEqual(refusals, wanted, 'what services have refused');
}
