// What a packet case is on Windows: each rule is one thing that the platform lacks (docs/windows-data-plane.md), and holds for all cases alike.
// Imports the cases' types. A case that no rule is about must hold as it stands.
// Invariant: a rule says what happens instead, so no case is left out.

import type { WindowsOptions } from '../support/ebpf/windows.js';
import type { PacketCase } from './case.js';
import { defaultState } from './states.js';
import type { World } from './world.js';

type Rule = (given: PacketCase, world: World) => PacketCase;

/** Bytes of an ICMP header and of both MAC addresses. */
const [ICMP_HEADER, MACS] = [8, 12];
/** Reasons of ICMP errors that quote the packet, which stays in the frame. */
const QUOTES = ['too_big_answered', 'no_backend_unreachable'];

/** What came before the failure has been done: flows have begun, the service has counted. */
const dropped = (given: PacketCase, reason: string): PacketCase => ({ ...given, verdict: 'drop', reason, refusedBy: given.reason });

/** The MAC addresses of a frame replaced, `mac`: of its receiver. */
function readdress(frame: Buffer, mac: string, srcMac: string): Buffer {
  return Buffer.concat([Buffer.from(`${mac}:${srcMac}`.replaceAll(':', ''), 'hex'), frame.subarray(MACS)]);
}

/** The FIB is not asked: the agent's answer stands. */
const withoutFib: Rule = (given, world) => {
  const { backends: changed, ...rest } = given;
  if (given.reason === 'too_big_relayed') {
    const { out: _answer, ...as } = rest;
    return { ...as, verdict: 'pass', reason: 'client_unresolved' };
  }
  if (changed === undefined) return given;
  const before = { ...defaultState(world), ...given.before };
  const entry = before.backends.find(({ id }) => changed.some((other) => other.id === id));
  if (entry?.resolved !== true) {
    const { out: _out, flows, replies: _replies, ...as } = rest;
    // A flow that was there counts its packet, whatever becomes of it.
    return { ...as, verdict: 'drop', reason: 'unresolved', ...(before.flows.length > 0 && flows !== undefined ? { flows } : {}) };
  }
  return { ...rest, ...(rest.out === undefined ? {} : { out: readdress(rest.out, entry.mac, entry.srcMac) }) };
};

/** A frame leaves by the device that it came in by, or not at all. */
const withoutRedirect: Rule = (given) => (given.verdict === 'redirect' ? dropped(given, 'other_device') : given);

/** A frame keeps its end: an error that does not quote all of it cannot be made, and what stood behind a reset stays there as padding. */
const withoutCutTail: Rule = (given, { IP_HEADER }) => {
  const { packet, out, reason } = given;
  if (given.verdict !== 'tx' || out === undefined) return given;
  if (QUOTES.includes(reason)) return out.length < packet.length + IP_HEADER + ICMP_HEADER ? dropped(given, 'adjust_head') : given;
  if (reason === 'no_backend_reset') return { ...given, out: Buffer.concat([out, packet.subarray(out.length)]) };
  return given;
};

/** A frame keeps its beginning. */
const withoutAdjustHead: Rule = (given) => {
  const { packet, out, verdict } = given;
  const leaves = verdict === 'tx' || verdict === 'redirect';
  return leaves && out !== undefined && out.length !== packet.length ? dropped(given, 'adjust_head') : given;
};

/** What the case is on Windows, where the helper that moves a frame's beginning works, or is there and refuses. */
export function expectedOnWindows(given: PacketCase, world: World, adjustHead: WindowsOptions['adjustHead']): PacketCase {
  const rules = [withoutFib, withoutCutTail, ...(adjustHead === 'refuses' ? [withoutAdjustHead] : []), withoutRedirect];
  return rules.reduce((so, rule) => rule(so, world), given);
}
