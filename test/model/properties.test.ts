// What must hold of the data plane whatever its model says: checksums, the client's view, a flow's loyalty to its backend.
// Imports fast-check, the packet tools of test/support, test/bpf's harness and the model (which each packet is compared with on the way).
// Needs root. Expected packets are built anew, never computed from what came in.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { HOSTS } from '../bpf/hosts.js';
import { useLoader } from '../bpf/harness.js';
import { buildPacket, type Ends } from '../bpf/packet.js';
import { DEVICE, LOOPBACK } from '../bpf/world.js';
import { assertFrame } from '../support/packet/diff.js';
import { findWrongChecksums } from '../support/packet/parse.js';
import { formatAddress } from '../../agent/model/address.js';
import { buildShape, type Shape, shape } from './frames.js';
import { isCovered } from './headers.js';
import type { Kernel } from './kernel.js';
import { loadTested, type ProgramName } from './kernels.js';
import type { Outcome } from './model.js';
import { onOneCpu } from './one-cpu.js';
import type { Action, Family, State } from './state.js';
import { resolveStep, type Step, step } from './steps.js';
import { ACTIONS, buildWorld, choices, FAMILIES, hex, SERVICES } from './world.js';

/** The state of a world on its way: each packet is compared with the model, too. */
class Course {
  state: State;
  readonly #kernel: Kernel;

  constructor(kernel: Kernel, state: State) {
    this.#kernel = kernel;
    this.state = state;
    kernel.put(state);
  }

  send(frame: Buffer, ingress: number = LOOPBACK): Outcome {
    const { outcome, difference } = this.#kernel.run(this.state, frame, ingress);
    assert.equal(difference, undefined, frame.toString('hex'));
    this.state = outcome.state;
    return outcome;
  }

  put(state: State): void {
    this.state = state;
    this.#kernel.put(state);
  }
}

/** A shape that nothing is wrong with: what a host sends to be served. */
const sound: fc.Arbitrary<Shape> = shape.map((given) => ({
  ...given,
  hops: Math.max(given.hops, 2),
  payload: given.payload % 1300,
  tags: given.tags.slice(0, 2).map((tag, i) => (i === 0 ? tag : { ...tag, tpid: 0x8100 })),
  between: given.between.filter((number) => number < 20).slice(0, 5),
  checksum: 'right',
}));

const SETTLED = {
  range: 3,
  rate: 0,
  maglevSize: 7,
  lbAddresses: 1,
  seeds: [1n, 2],
  timeouts: [60, 21600, 10, 60],
  tables: Array.from({ length: 2 * SERVICES }, () => [1]),
  devices: 3,
  fib: false,
} as const;

function client(family: Family, service: number): Ends {
  const { CLIENT, LB, VIP } = HOSTS[family];
  const dport = service === 1 ? VIP.udpPort : VIP.tcpPort;
  return { srcMac: CLIENT.mac, dstMac: LB.mac, src: CLIENT.address, dst: VIP.address, sport: CLIENT.port, dport, ttl: 64 };
}

/**
 * Holds the property to what comes again: the program looks at the clock more than once for some packets, and a tick between two of its looks
 * makes a difference from the model that does not.
 */
const settled =
  <Given extends unknown[]>(holds: (...given: Given) => void) =>
  (...given: Given): void => {
    try {
      holds(...given);
    } catch (error) {
      if (fc.PreconditionFailure.isFailure(error)) throw error;
      holds(...given);
    }
  };

describe('properties of the data plane', function () {
  this.timeout(120_000);
  const loader = useLoader();
  const inside = async (name: ProgramName, check: (kernel: Kernel) => void) => {
    const { kernel } = await loadTested(loader(), name);
    onOneCpu(() => kernel.inside(() => check(kernel)));
  };
  const worldFor = (kernel: Kernel, action: Action): State =>
    buildWorld(
      { ...SETTLED, actions: Array.from({ length: 2 * SERVICES }, () => ACTIONS.indexOf(action)) },
      { ticksPerSecond: kernel.ticksPerSecond, slots: kernel.slots, now: kernel.now() },
    );

  it('a packet that leaves has right checksums everywhere when it came with right ones', () =>
    inside('small', (kernel) => {
      let left = 0;
      fc.assert(
        fc.property(
          choices,
          fc.array(step, { maxLength: 120, size: 'max' }),
          settled((world, steps) => {
            const course = new Course(
              kernel,
              buildWorld(world, { ticksPerSecond: kernel.ticksPerSecond, slots: kernel.slots, now: kernel.now() }),
            );
            for (const given of steps) {
              const event = resolveStep(course.state, given, kernel.now());
              if ('state' in event) {
                course.put(event.state);
                continue;
              }
              const { frame, ingress } = event.packet;
              if (!isCovered(frame)) continue;
              const { verdict, frame: out } = course.send(frame, ingress);
              if ((verdict !== 'tx' && verdict !== 'redirect') || out === undefined || findWrongChecksums(frame).length > 0) continue;
              assert.deepEqual(findWrongChecksums(out), [], frame.toString('hex'));
              left++;
            }
          }),
        ),
        { numRuns: 80 },
      );
      // How many is a matter of chance: some worlds drop nearly all.
      assert.ok(left > 200, `${left} packets left`);
    }));

  for (const family of FAMILIES) {
    it(`forward, then reply: the client sees what the service itself would send (IPv${family})`, () =>
      inside('small', (kernel) => {
        fc.assert(
          fc.property(
            sound,
            sound,
            fc.nat(1),
            fc.boolean(),
            settled((asked, answered, service, byDevice) => {
              const protocol = service === 1 ? 'udp' : 'tcp';
              const ends = client(family, service);
              const course = new Course(kernel, worldFor(kernel, 'snat'));
              const request = buildShape(family, ends, protocol, asked);
              const forwarded = course.send(request, byDevice ? DEVICE.index : LOOPBACK);
              assert.equal(forwarded.reason, 'snat_request');
              // The backend swaps what it got; its frames have no tags, as its link has none.
              const [tuple] = course.state.planes[family].replies.flatMap(({ entry }) => (entry === undefined ? [] : [entry.tuple]));
              assert.ok(tuple !== undefined);
              const text = (hex: string) => formatAddress(Buffer.from(hex, 'hex'));
              const { BACKEND, LB } = HOSTS[family];
              const bare: Shape = { ...answered, srcMac: 0 };
              const back = { srcMac: BACKEND.a.mac, dstMac: LB.mac, src: text(tuple.saddr), dst: text(tuple.daddr) };
              const answer = course.send(buildShape(family, { ...back, ...tuple, ttl: 64 }, protocol, bare));
              assert.equal(answer.reason, 'snat_reply');
              // Built as the service would have sent it to the client over the client's own link.
              const device = byDevice ? '02:00:00:00:d0:01' : '02:00:00:00:d0:00';
              const macs = { srcMac: device, dstMac: request.toString('hex', 6, 12).match(/../g)?.join(':') as string };
              const direct: Ends = { ...macs, src: ends.dst, dst: ends.src, sport: ends.dport, dport: ends.sport, ttl: 63 };
              assertFrame(answer.frame as Buffer, buildShape(family, direct, protocol, { ...bare, hops: bare.hops - 1, tags: asked.tags }));
            }),
          ),
          { numRuns: 700 },
        );
      }));

    it(`a UDP checksum that comes out as 0 leaves as 0xffff (IPv${family})`, () =>
      inside('small', (kernel) => {
        fc.assert(
          fc.property(
            fc.nat(0xffff),
            fc.nat(0xffff),
            settled((port, word) => {
              const course = new Course(kernel, worldFor(kernel, 'snat'));
              const ends = { ...client(family, 1), sport: port };
              const at = 14 + HOSTS[family].IP_HEADER + 6;
              const leaving = (payload: number) => {
                const { frame } = course.send(buildPacket(family, ends, 'udp', { payload: Buffer.from([payload >> 8, payload & 0xff]) }));
                return (frame as Buffer).readUInt16BE(at);
              };
              // A word that is larger by the checksum makes the next one 0 (in one's complement).
              const checksum = leaving(word);
              assert.equal(leaving((word + checksum) % 0xffff), 0xffff);
            }),
          ),
          { numRuns: 40 },
        );
      }));

    it(`a wrapped packet is the client's own inside, one hop older (IPv${family})`, () =>
      inside('small', (kernel) => {
        fc.assert(
          fc.property(
            sound,
            fc.nat(1),
            settled((asked, service) => {
              const ends = client(family, service);
              const protocol = service === 1 ? 'udp' : 'tcp';
              const course = new Course(kernel, worldFor(kernel, 'dsr-ipip'));
              const { reason, frame } = course.send(buildShape(family, ends, protocol, asked));
              fc.pre(reason !== 'too_big');
              assert.equal(reason, 'dsr_ipip');
              const ip = 14 + 4 * asked.tags.length;
              const out = frame as Buffer;
              const unwrapped = Buffer.concat([out.subarray(0, ip), out.subarray(ip + (family === 4 ? 20 : 40))]);
              const { BACKEND, LB } = HOSTS[family];
              const macs = { srcMac: LB.mac, dstMac: BACKEND.a.mac };
              assertFrame(unwrapped, buildShape(family, { ...ends, ...macs }, protocol, { ...asked, srcMac: 0, hops: asked.hops - 1 }));
            }),
          ),
          { numRuns: 700 },
        );
      }));

    it(`a flow keeps backend, action and port whatever becomes of services and modes, while its backend is there (IPv${family})`, () =>
      inside('large', (kernel) => {
        // No time passes, nobody takes entries away, and the flow's own backend (1) is only drained.
        const others = step.filter(
          (given) =>
            given.kind === 'service' ||
            given.kind === 'mode' ||
            given.kind === 'fib' ||
            (given.kind === 'backend' && (given.id > 1 || given.change === 2 || given.change === 3)) ||
            (given.kind === 'request' && given.damage.kind === 'none'),
        );
        const flags = fc.constantFrom(1, 2, 4, 5, 6); // everything but a SYN, which may begin another connection
        fc.assert(
          fc.property(
            fc.array(fc.tuple(others, flags), { maxLength: 80, size: 'max' }),
            fc.constantFrom(...ACTIONS),
            settled((events, action) => {
              const course = new Course(kernel, worldFor(kernel, action));
              const packet = (flag: number) => buildShape(family, client(family, 0), 'tcp', { ...PLAIN, flags: flag });
              const first = course.send(packet(1));
              // Under SNAT addresses and ports, wrapped the outer addresses.
              const [from, to] = family === 4 ? [26, 34] : [22, 54];
              const identity = (out: Buffer) => (action === 'dsr-l2' ? '' : out.toString('hex', from, action === 'snat' ? to + 4 : to));
              const known = identity(first.frame as Buffer);
              for (const [event, flag] of events) {
                happen(course, event, kernel.now());
                const { reason, frame } = course.send(packet(flag));
                assert.equal(reason, first.reason);
                assert.equal(identity(frame as Buffer), known);
              }
              const flow = course.state.planes[family].flows.find(({ entry }) => entry?.tuple.saddr === hex(HOSTS[family].CLIENT.address));
              assert.equal(flow?.entry?.backendId, 1);
            }),
          ),
          { numRuns: 40 },
        );
      }));
  }
});

const PLAIN: Shape = {
  flags: 1,
  payload: 0,
  hops: 64,
  tos: 0,
  dontFragment: true,
  tags: [],
  between: [],
  checksum: 'right',
  padding: 0,
  srcMac: 0,
};

function happen(course: Course, given: Step, now: number): void {
  const event = resolveStep(course.state, given, now);
  if ('state' in event) course.put(event.state);
  else if (isCovered(event.packet.frame)) course.send(event.packet.frame, event.packet.ingress);
}
