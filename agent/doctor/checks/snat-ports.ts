// Check of SNAT's ports against those that the node takes for connections of its own.
// Imports its neighbours, and agent/control for the range that the agent would choose.

import { chooseSnatRange, type PortRange } from '../../control/start/snat-range.js';
import { setSetting } from '../commands.js';
import type { BalancerFacts } from '../facts.js';
import { type Finding, fine } from '../finding.js';

const SETTING = 'net.ipv4.ip_local_port_range';

export function checkSnatPorts({ agent, localPorts, reservedPorts }: BalancerFacts): readonly Finding[] {
  if (localPorts === undefined) return [];
  const range = agent?.status.snatRange ?? chooseSnatRange(localPorts);
  const shared = without([intersection(range, localPorts)], reservedPorts);
  const shown = `${range[0]}-${range[1]}`;
  if (shared.length === 0)
    return [fine('snat-ports', `SNAT ports ${shown} are apart from the node's own ${localPorts[0]}-${localPorts[1]}`)];
  const left = without([localPorts], [range]).sort((one, other) => sizeOf(other) - sizeOf(one))[0];
  const room = left !== undefined && sizeOf(left) >= LEAST_LOCAL ? left : undefined;
  return [
    {
      level: 'warning',
      check: 'snat-ports',
      text: `SNAT ports ${shown} overlap the node's own ports ${localPorts[0]}-${localPorts[1]} (${SETTING})`,
      why: "An answer to a connection of this node's own to a backend (a health check) can be taken for one to a client.",
      command: setSetting(SETTING, room === undefined ? USUAL_LOCAL : `${room[0]} ${room[1]}`),
      advice:
        room === undefined && agent !== undefined
          ? 'And give the agent the rest: start it again without --snat-range, or with --snat-range=1024-32767.'
          : `To last over a restart it has to stand in /etc/sysctl.d. Or start the agent with another --snat-range.`,
    },
  ];
}

/** Fewer ports than this are too few for a node's own connections. */
const LEAST_LOCAL = 4096;
const USUAL_LOCAL = '32768 60999';

const sizeOf = ([low, high]: PortRange): number => Math.max(0, high - low + 1);

function intersection(one: PortRange, other: PortRange): PortRange {
  return [Math.max(one[0], other[0]), Math.min(one[1], other[1])];
}

/** What is left of the ranges when others are taken out of them. */
function without(ranges: readonly PortRange[], taken: readonly PortRange[]): PortRange[] {
  return taken
    .reduce<readonly PortRange[]>(
      (left, hole) =>
        left.flatMap((range): readonly PortRange[] => {
          if (sizeOf(intersection(range, hole)) === 0) return [range];
          return [
            [range[0], hole[0] - 1],
            [hole[1] + 1, range[1]],
          ];
        }),
      ranges,
    )
    .filter((range) => sizeOf(range) > 0);
}
