// Looks at the LB's cable with tcpdump, on the switch's side, and counts what passed by kind.
// Imports Node and its siblings.
// Why not on the LB: an XDP program answers before the place where tcpdump looks, so there it would see nothing.
// Invariant: the kinds exclude each other; what is none of them is counted as other.

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Family } from '../../agent/model/address.js';
import { FairleadError } from '../../agent/model/errors.js';
import type { Lab } from './lab.js';

export interface Capture {
  /** tcpdump's lines, in order. */
  readonly lines: readonly string[];
  /** client to VIP. */
  readonly requests: number;
  /** LB to backend, rewritten. */
  readonly rewritten: number;
  /** LB to backend, with an outer IP header. */
  readonly wrapped: number;
  /** backend to LB. */
  readonly replies: number;
  /** VIP to client. */
  readonly translated: number;
  readonly other: number;
}

/** Address of '20.1.1.100.41000' or '2001:db8:20::100.41000', as tcpdump writes them; the outer header of a tunnel has no port. */
function addressOf(place: string): string {
  return place.includes(':') ? place.replace(/\.\d+$/, '') : place.split('.').slice(0, 4).join('.');
}

/** Sorts tcpdump lines ('IP 20.1.1.100.41000 > 40.1.1.1.80: tcp 0', 'IP6 2001:db8:20::100.41000 > ...') into kinds. */
export function countPackets(
  lines: readonly string[],
  lab: { vip: string; client: string; lb: string; backends: readonly string[] },
): Capture {
  const counts = { requests: 0, rewritten: 0, wrapped: 0, replies: 0, translated: 0, other: 0 };
  const kindOf = (line: string): keyof typeof counts => {
    const match = /^IP6? ([0-9a-f.:]+) > ([0-9a-f.:]+): (IP6? )?/.exec(line);
    const [from, to] = [addressOf(match?.[1] ?? ''), addressOf(match?.[2] ?? '')];
    const inner = match?.[3];
    if (from === lab.client && to === lab.vip) return 'requests';
    if (from === lab.vip && to === lab.client) return 'translated';
    if (from === lab.lb && lab.backends.includes(to)) return inner === undefined ? 'rewritten' : 'wrapped';
    if (to === lab.lb && lab.backends.includes(from)) return 'replies';
    return 'other';
  };
  for (const line of lines) counts[kindOf(line)] += 1;
  return { lines, ...counts };
}

/** What tcpdump shows: HTTP, and packets with DSR's outer header. "tcp" means both families. */
const FILTERS: Readonly<Record<Family, string>> = { 4: 'tcp port 80 or ip proto 4', 6: 'tcp port 80 or ip6 proto 41' };
const commandFor = (family: Family): readonly string[] => ['tcpdump', '-lnqt', '-i', 'p-lb', FILTERS[family]];
/** tcpdump's arguments, as a person would type them. */
export const CAPTURE_COMMAND = commandFor(4);

/** Captures on the LB's port of the switch while `action` runs, and sorts what the family's addresses say. Throws FL_E_SYSTEM when tcpdump does not start. */
export async function captureDuring(lab: Lab, action: () => Promise<void>, family: Family = 4): Promise<Capture> {
  const tcpdump = lab.host('switch').spawn([...commandFor(family), '--immediate-mode'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  tcpdump.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  tcpdump.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = once(tcpdump, 'close');
  for (let waited = 0; !stderr.includes('listening on'); waited += 20) {
    if (tcpdump.exitCode !== null || waited > 5000) {
      throw new FairleadError('FL_E_SYSTEM', `tcpdump on the switch does not run: ${stderr.trim()}`, { hint: 'run it by hand' });
    }
    await sleep(20);
  }
  await action();
  // The last packets of a connection come after curl has ended.
  await sleep(300);
  tcpdump.kill('SIGINT');
  await ended;
  const lines = stdout.split('\n').filter((line) => line !== '');
  return countPackets(lines, {
    vip: lab.vipOf(family),
    client: lab.host('client').addressOf(family),
    lb: lab.host('lb').addressOf(family),
    backends: lab.backends.map((host) => host.addressOf(family)),
  });
}
