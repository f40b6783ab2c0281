// What a step is in the state that it comes into: a packet, or the state after it.
// Imports its siblings and test/bpf's devices.
// Invariant: the same step in the same state at the same time is the same.

import { DEVICE, LOOPBACK } from '../bpf/world.js';
import { ageProofs } from './challenge.js';
import * as change from './changes.js';
import { applyDamage } from './frames.js';
import { buildServers } from './quic-frames.js';
import { changeSetting } from './setting.js';
import type { Family, Plane, State } from './state.js';
import { buildFrame } from './step-frames.js';
import type { Step } from './steps.js';
import { ACTIONS, FIB, NO_FIB, UDP_SERVICE } from './world.js';

export interface Frame {
  readonly frame: Buffer;
  readonly ingress: number;
}
/** What a step is in this state: a packet, or the state after it. */
export type Event = { readonly packet: Frame } | { readonly state: State };

/** bpf_prog_test_run takes a page without head and tail room. */
const LONGEST = 3300;

export function resolveStep(state: State, given: Step, now: number): Event {
  switch (given.kind) {
    case 'request':
    case 'probe':
    case 'ping':
    case 'piece':
    case 'reply':
    case 'odd':
    case 'proof':
    case 'quic':
    case 'error':
      return {
        packet: {
          frame: applyDamage(buildFrame(state, given).subarray(0, LONGEST), given.damage),
          ingress: given.byDevice ? DEVICE.index : LOOPBACK,
        },
      };
    case 'bytes': {
      const frame = Buffer.from(given.frame);
      if (given.type !== 0) frame.writeUInt16BE(given.type, 12);
      return { packet: { frame, ingress: LOOPBACK } };
    }
    case 'rest':
      return { state: change.letRest(state, given, now) };
    case 'establish':
      return { state: changePlane(state, given.family, (plane) => change.establish(plane, now)) };
    case 'crowd':
      return { state: changePlane(state, given.family, (plane) => change.crowd(plane, now)) };
    case 'flood':
      return { state: changePlane(state, given.family, (plane) => change.flood(plane, now)) };
    case 'backend':
      return { state: changePlane(state, change.familyOf(given), (plane) => change.changeBackend(plane, given)) };
    case 'service':
      return { state: changePlane(state, given.family, (plane) => change.changeService(plane, given)) };
    case 'over': {
      const over = { action: 'dsr-ipip6', table: given.table, backendCount: given.table.length } as const;
      return { state: changePlane(state, 4, (plane) => change.changeOne(plane, { family: 4, service: given.service }, over)) };
    }
    case 'mode': {
      const action = ACTIONS[given.action] as (typeof ACTIONS)[number];
      const switched = (plane: Plane): Plane => ({
        ...plane,
        services: plane.services.map((service) => (service.action === 'dsr-ipip6' ? service : { ...service, action })),
      });
      return { state: changePlane(changePlane(state, 4, switched), 6, switched) };
    }
    case 'lose':
      return { state: changePlane(state, given.family, (plane) => change.loseEntry(plane, given.table, given.pick)) };
    case 'sources':
      return { state: changePlane(state, given.family, (plane) => change.changeOne(plane, given, { sources: change.rangesFor(given) })) };
    case 'deny':
      return { state: changePlane(state, given.family, (plane) => ({ ...plane, denied: change.rangesFor(given) })) };
    case 'wide':
      return { state: changePlane(state, given.family, (plane) => change.widen(plane, given)) };
    case 'setting':
      return { state: changeSetting(state, given.name, given.value) };
    case 'affinity':
      return { state: changePlane(state, given.family, (plane) => change.changeOne(plane, given, { affinitySeconds: given.seconds })) };
    case 'servers': {
      const servers = buildServers(given.servers);
      return { state: changePlane(state, given.family, (plane) => change.changeOne(plane, { ...given, service: UDP_SERVICE }, servers)) };
    }
    case 'proofs':
      return { state: ageProofs(state, given.offset, now) };
    case 'fib':
      return { state: { ...state, fib: state.fib.size > 0 ? NO_FIB : FIB } };
    case 'vip':
      return { state: change.toggleVip(state, given.bit) };
  }
}

function changePlane(state: State, which: Family, change: (plane: Plane) => Plane): State {
  return { ...state, planes: { ...state.planes, [which]: change(state.planes[which]) } };
}
