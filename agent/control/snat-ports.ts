// How full the SNAT ports towards backends are: for each family the backend that has the largest part of its ports in use.
// Imports agent/model, and agent/datapath for the counts.
// Invariant: all backends of a family have equally many ports, so the one with the most flows is the fullest.

import type { PortUse } from '../datapath/flow-table.js';
import { familyOf } from '../model/address.js';
import { formatFrontend } from '../model/format.js';
import type { Settings } from '../model/settings.js';
import type { PortGauge } from '../model/views.js';

/** Part of the ports from which on `status` warns. */
const NEARLY_FULL = 0.8;

/** Fullest backends, IPv4 first; none of a family without SNAT flows. `range`: inclusive. */
export function gaugePorts(
  uses: readonly PortUse[],
  range: readonly [number, number],
  snatAddresses: Settings['snatAddresses'],
): readonly PortGauge[] {
  return ([4, 6] as const).flatMap((family) => {
    const own = uses.filter((use) => use.family === family);
    const [first] = own;
    if (first === undefined) return [];
    const { address, port, protocol, inUse } = own.reduce((most, use) => (use.inUse > most.inUse ? use : most), first);
    const addresses = Math.max(1, snatAddresses.filter((one) => familyOf(one) === family).length);
    return [{ family, address, port, protocol, inUse, limit: (range[1] - range[0] + 1) * addresses }];
  });
}

/** One line for each gauge that is nearly full. */
export function warnOfPortGauges(gauges: readonly PortGauge[]): readonly string[] {
  return gauges
    .filter(({ inUse, limit }) => inUse > limit * NEARLY_FULL)
    .map((gauge) => {
      const share = `${Math.round((gauge.inUse / gauge.limit) * 100)} %`;
      return `SNAT ports towards ${formatFrontend(gauge)}: ${gauge.inUse} of ${gauge.limit} in use (${share}): name more with --snat-address, or widen --snat-range`;
    });
}
