// The fullest backend of each family, and when its ports become a warning.
// Imports agent/control/snat-ports.

import assert from 'node:assert/strict';
import { gaugePorts, warnOfPortGauges } from '../../../agent/control/snat-ports.js';
import type { PortUse } from '../../../agent/datapath/flow-table.js';

const use = (address: string, inUse: number, more: Partial<PortUse> = {}): PortUse => ({
  family: address.includes(':') ? 6 : 4,
  address,
  port: 80,
  protocol: 'tcp',
  inUse,
  ...more,
});
const RANGE = [1001, 1100] as const;

describe('SNAT ports in use', () => {
  it('are those of the fullest backend of each family', () => {
    const uses = [use('20.1.1.10', 3), use('20.1.1.20', 5, { protocol: 'udp' }), use('20.1.1.30', 4), use('2001:db8::10', 2)];
    assert.deepEqual(gaugePorts(uses, RANGE, []), [
      { family: 4, address: '20.1.1.20', port: 80, protocol: 'udp', inUse: 5, limit: 100 },
      { family: 6, address: '2001:db8::10', port: 80, protocol: 'tcp', inUse: 2, limit: 100 },
    ]);
    assert.deepEqual(gaugePorts([], RANGE, []), []);
  });

  it('have as many times the range as the family has SNAT addresses', () => {
    const gauges = gaugePorts([use('20.1.1.10', 3), use('2001:db8::10', 2)], RANGE, ['20.1.1.1', '20.1.1.2', '2001:db8::1']);
    assert.deepEqual(
      gauges.map(({ limit }) => limit),
      [200, 100],
    );
  });

  it('are a warning above 80 %', () => {
    const warningsAt = (inUse: number) => warnOfPortGauges(gaugePorts([use('2001:db8::10', inUse)], RANGE, []));
    assert.deepEqual(warningsAt(80), []);
    assert.deepEqual(warningsAt(81), [
      'SNAT ports towards [2001:db8::10]:80/tcp: 81 of 100 in use (81 %): name more with --snat-address, or widen --snat-range',
    ]);
  });
});
