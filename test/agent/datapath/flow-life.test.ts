// State and timeout of a flow from what was seen of it; ticks that wrap.
// Imports agent/datapath.
// The table says the same as bpf/flow-life.h.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { elapsedTicks, type FlowTraits, flowState, flowTimeout, shortestTimeout } from '../../../agent/datapath/flow-life.js';
import { ACTIONS, PROTOCOLS } from '../../../agent/model/service.js';

const [S, O, F, R] = [1, 2, 4, 8];
const TIMEOUTS = { syn: 60, established: 21600, closing: 10, udp: 30 };

describe('the life of a flow', () => {
  // What was seen of the client, of the backend, the action, and the state that follows.
  const cases: [number, number, FlowTraits['action'], string, number][] = [
    [S, 0, 'snat', 'IDLE', 60],
    [S, O, 'snat', 'IDLE', 60],
    [S | O, O, 'snat', 'ACTIVE', 21600],
    [O, 0, 'dsr-ipip', 'ACTIVE', 21600],
    [S | O | F, O, 'snat', 'ACTIVE', 21600],
    [S | O, O | F, 'snat', 'ACTIVE', 21600],
    [S | O | F, O | F, 'snat', 'CLOSING', 10],
    [S | O | F, 0, 'dsr-ipip', 'CLOSING', 10],
    [S | O | F, 0, 'dsr-l2', 'CLOSING', 10],
    [S | O | R, 0, 'snat', 'CLOSING', 10],
    [S | O, O | R, 'snat', 'CLOSING', 10],
    [S, O | R, 'snat', 'CLOSING', 10],
  ];
  for (const [seen, seenInReply, action, state, timeout] of cases) {
    it(`${action}, client ${bits(seen)}, backend ${bits(seenInReply)}: ${state}, ${timeout} s`, () => {
      const traits: FlowTraits = { protocol: 'tcp', action, seen, seenInReply };
      assert.equal(flowState(traits), state);
      assert.equal(flowTimeout(traits, TIMEOUTS), timeout);
    });
  }

  it('UDP is active as long as it is there', () => {
    const traits: FlowTraits = { protocol: 'udp', action: 'snat', seen: 0, seenInReply: 0 };
    assert.equal(flowState(traits), 'ACTIVE');
    assert.equal(flowTimeout(traits, TIMEOUTS), 30);
  });

  it('the shortest timeout is never above the real one, whatever the backend sent', () => {
    const traits = fc.record({
      protocol: fc.constantFrom(...PROTOCOLS),
      action: fc.constantFrom(...ACTIONS),
      seen: fc.integer({ min: 0, max: 15 }),
      seenInReply: fc.integer({ min: 0, max: 15 }),
    });
    const check = (value: FlowTraits) => assert.ok(shortestTimeout(value, TIMEOUTS) <= flowTimeout(value, TIMEOUTS));
    // In DSR nothing of the backend's is seen.
    fc.assert(fc.property(traits, (value) => check(value.action === 'snat' ? value : { ...value, seenInReply: 0 })));
  });

  it('ticks are counted across the wrap of 32 bits', () => {
    const tick = fc.integer({ min: 0, max: 0xffffffff });
    fc.assert(
      fc.property(tick, fc.integer({ min: 0, max: 0xffffffff - 60 * 250 }), (then, passed) => {
        assert.equal(elapsedTicks((then + passed) % 2 ** 32, then, 250), passed);
      }),
    );
  });

  it('a packet that came after the clock was read has just come', () => {
    assert.equal(elapsedTicks(1000, 1001, 250), 0);
    assert.equal(elapsedTicks(0xffffffff, 5, 250), 0);
  });
});

function bits(seen: number): string {
  const names = ['SYN', 'other', 'FIN', 'RST'].filter((_, i) => (seen & (1 << i)) !== 0);
  return names.length === 0 ? 'nothing' : names.join('+');
}
