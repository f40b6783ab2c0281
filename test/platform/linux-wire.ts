// The device of the conformance suite's network part, in the network namespace of this process: a veth pair with a node at its far end.
// Imports Node and its sibling conformance.ts.
// Invariant: the neighbour's namespace lives as long as a process that ends when this one does.

import { execFileSync, spawn } from 'node:child_process';
import { readlinkSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { BEYOND, WIRE_FAMILIES, type Wire } from './conformance.js';

/** The machine's own devices are not for tests: throws there, by the namespace that the parent process says it is in. */
export function requireOwnNetwork(): void {
  // The machine's own namespace, as the test that starts this has it.
  if ((process.env['OUTER_NETWORK'] ?? readlinkSync('/proc/self/ns/net')) !== readlinkSync('/proc/self/ns/net')) return;
  throw new Error('to be run in a network namespace of its own, by the test file that makes one');
}

export const ip = (command: string): string => execFileSync('ip', command.split(' '), { encoding: 'utf8' });
export const inTurn = (...commands: string[]): void => {
  for (const command of commands) ip(command);
};

/** One command at each call, the first one and the other in turn: a change that lasts, so that who looks now and then sees it too. */
function changing(there: string, back: string): () => void {
  let isThere = false;
  return () => {
    ip(isThere ? back : there);
    isThere = !isThere;
  };
}

/** A veth pair whose far end is in a namespace that goes with the process that holds it: cat, until its input ends. */
export async function makeWire(attachForeign: Wire['attachForeign']): Promise<Wire> {
  const holder = spawn('unshare', ['--net', 'cat'], { stdio: ['pipe', 'ignore', 'inherit'] });
  // It waits for the end of its input, not we for it.
  holder.unref();
  (holder.stdin as Socket).unref();
  const pid = String(holder.pid);
  while (readlinkSync(`/proc/${pid}/ns/net`) === readlinkSync('/proc/self/ns/net')) await sleep(5);
  const far = (command: string): string => execFileSync('nsenter', ['-t', pid, '-n', 'ip', ...command.split(' ')], { encoding: 'utf8' });
  ip('link set lo up');
  ip('link add wire type veth peer name far');
  ip(`link set far netns ${pid}`);
  for (const { family, neighbour, router, address, prefixLength } of WIRE_FAMILIES) {
    const noCheck = family === 6 ? ' nodad' : '';
    for (const one of new Set([neighbour, router])) far(`addr add ${one}/${prefixLength} dev far${noCheck}`);
    ip(`addr add ${address}/${prefixLength} dev wire${noCheck}`);
    // A new namespace takes this setting over from the machine.
    writeFileSync(`/proc/sys/net/ipv${family}/conf/wire/forwarding`, '0');
  }
  far('link set far up');
  ip('link set wire up');
  for (const { family, router } of WIRE_FAMILIES) ip(`route add ${BEYOND[family]} via ${router} dev wire`);
  const [farLink] = JSON.parse(far('-j link show far')) as [{ address: string }];
  return {
    ifindex: Number((JSON.parse(ip('-j link show wire')) as [{ ifindex: number }])[0].ifindex),
    name: 'wire',
    neighbourMac: farLink.address,
    changeLink: changing('link set wire mtu 1499', 'link set wire mtu 1500'),
    changeAddress: changing('addr add 10.99.0.77/32 dev wire', 'addr del 10.99.0.77/32 dev wire'),
    changeRoute: changing('route add 198.18.0.0/24 via 10.99.0.2', 'route del 198.18.0.0/24'),
    attachForeign,
  };
}
