// Which ports SNAT takes, and whether the node's own connections may take them too.
// Imports nothing.
// Invariant: a range that is chosen here never overlaps the node's local port range.

export type PortRange = readonly [number, number];

const LOWEST = 1024;
const HIGHEST = 65535;

/** The larger part of 1024-65535 outside the node's local ports, inclusive; the whole when those leave nothing. */
export function chooseSnatRange(local: PortRange): PortRange {
  const below: PortRange = [LOWEST, Math.min(local[0] - 1, HIGHEST)];
  const above: PortRange = [Math.max(local[1] + 1, LOWEST), HIGHEST];
  const larger = sizeOf(above) > sizeOf(below) ? above : below;
  return sizeOf(larger) > 0 ? larger : [LOWEST, HIGHEST];
}

/** A warning when the two overlap: a health check from this node could then be taken for a reply to a client. */
export function warnOfOverlap(range: PortRange, local: PortRange): string | undefined {
  if (range[1] < local[0] || range[0] > local[1]) return undefined;
  return `SNAT ports ${range[0]}-${range[1]} overlap this node's own ports ${local[0]}-${local[1]} (net.ipv4.ip_local_port_range): its own connections to backends may break`;
}

function sizeOf(range: PortRange): number {
  return Math.max(0, range[1] - range[0] + 1);
}
