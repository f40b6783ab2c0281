// Rates from two readings, whatever came and went between them.
// Imports agent/model.

import assert from 'node:assert/strict';
import { type BackendStats, finderOf, ratesBetween, type ServiceStats, type StatsView } from '../../../agent/model/stats.js';

const NONE = { source_denied: 0, no_backend: 0, unresolved: 0, snat_ports: 0, new_flow_rate: 0, flow_table: 0 };
const backend = (last: number, backendId: number, packets: number): BackendStats => ({
  service: 1,
  address: `20.1.1.${last}`,
  port: 80,
  backendId,
  packets,
  bytes: packets * 100,
  replyPackets: 0,
  replyBytes: 0,
  newFlows: 0,
  flows: packets,
});
const reading = (at: number, ...backends: readonly BackendStats[]): StatsView => {
  const packets = backends.reduce((sum, one) => sum + one.packets, 0);
  const frontend = { address: '40.1.1.1', port: 80, protocol: 'tcp' } as const;
  const service: ServiceStats = { ...backend(0, 0, packets), id: 1, frontend, refused: NONE, refusedPackets: 0, backends };
  return { at, services: [service] };
};
const ratesOf = (before: StatsView, after: StatsView) => ratesBetween(before, after).services[0]?.backends.map(({ packets }) => packets);

describe('rates between two readings', () => {
  it('are of the time between them; flows are those of now', () => {
    const [service] = ratesBetween(reading(10, backend(1, 1, 100)), reading(12, backend(1, 1, 300))).services;
    assert.deepEqual([service?.packets, service?.bytes, service?.flows, service?.backends[0]?.packets], [100, 10_000, 300, 100]);
  });

  it('find a backend wherever it stands in the list', () => {
    const before = reading(0, backend(1, 1, 10), backend(2, 2, 20), backend(3, 3, 30));
    assert.deepEqual(ratesOf(before, reading(1, backend(3, 3, 31), backend(1, 1, 12), backend(2, 2, 23))), [1, 2, 3]);
    assert.deepEqual(ratesOf(before, reading(1, backend(2, 2, 23))), [3]);
  });

  it('are from 0 for a backend that is new, has come back under another id, or counts anew', () => {
    const before = reading(0, backend(1, 1, 10), backend(2, 2, 20));
    assert.deepEqual(ratesOf(before, reading(1, backend(9, 9, 5), backend(1, 4, 15), backend(2, 2, 3))), [5, 15, 3]);
  });
});

describe('the finder of endpoints', () => {
  it('finds by address and port, first at the place given', () => {
    const list = [
      { address: '20.1.1.1', port: 80 },
      { address: '20.1.1.1', port: 81 },
      { address: '2001:db8::1', port: 80 },
    ];
    const find = finderOf(list);
    for (const place of [0, 1, 2, 9]) list.forEach((one) => void assert.equal(find({ ...one }, place), one));
    assert.equal(find({ address: '20.1.1.1', port: 82 }, 0), undefined);
    assert.equal(finderOf([])({ address: '20.1.1.1', port: 80 }, 0), undefined);
  });
});
