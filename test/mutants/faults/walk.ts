// Faults that show only when flows meet: who gives way, who notices, what is looked at. The reference model is asked.
// Imports the types. Each is a slip that a person makes, in the data plane's C.

import type { Mutant, TestRun } from '../mutant.js';

const MODEL: TestRun = { file: 'test/model/differential.test.ts', only: 'agrees packet by packet (tiny' };
const DAMAGE: TestRun = { file: 'test/model/damage.test.ts' };

export const walkMutants: readonly Mutant[] = [
  {
    name: 'youngest-gives-way',
    file: 'bpf/balance/slots.h',
    find: 'rest > victim_rest',
    replace: 'rest < victim_rest',
    breaks: 'Of the half-open flows the youngest gives way, so a flood of SYNs pushes out the handshakes that are under way.',
    tests: [MODEL],
  },
  {
    name: 'evicted-keeps-port',
    file: 'bpf/balance/slots.h',
    find: `	if (slot_used((__u8)held))
		FAMILY(reverse_free)(slot, (__u8)held);`,
    replace: '',
    breaks: 'A flow that gave way keeps its SNAT port.',
    tests: [MODEL],
  },
  {
    name: 'port-taken-flow-lives',
    file: 'bpf/balance/snat.h',
    find: '		if ((__u8)word == (__u8)held)\n',
    replace: '		if (0)\n',
    breaks: 'A flow whose reverse entry was taken is found by its packets, and sends from a port that another has.',
    tests: [MODEL],
  },
  {
    name: 'port-of-another-taken',
    file: 'bpf/balance/snat.h',
    find: 'fate == SLOT_HALF && (!victim || rest > victim_rest) && !FAMILY(reverse_has)(reverse, &backend->address, address, ports)',
    replace: 'fate == SLOT_HALF && (!victim || rest > victim_rest)',
    breaks: 'A half-open flow loses its port to the next client.',
    tests: [MODEL],
  },
  {
    name: 'unanswered-keeps-port',
    file: 'bpf/balance/snat.h',
    find: '!reverse->packets && rest < cfg->timeout_syn;',
    replace: '!reverse->packets;',
    breaks: 'The port of a flow that was never answered is lost: a backend that was down for a while stays out of ports.',
    tests: [{ file: 'test/bpf/packets.test.ts', only: 'packets, compiled settings, IPv4 SNAT ports' }, MODEL],
  },
  {
    name: 'claims-forgotten',
    file: 'bpf/balance/balance.h',
    find: 'publish(word, claims | facts->protocol)',
    replace: 'publish(word, facts->protocol)',
    breaks: 'A CPU that comes late does not notice that a slot was taken meanwhile.',
    tests: [MODEL],
  },
  {
    name: 'clock-ahead-is-old',
    file: 'bpf/flow-life.h',
    find: 'ticks > 0xffffffff - 60 * cfg->ticks_per_second ? 0 : ticks',
    replace: 'ticks',
    breaks: 'An entry that another CPU stamped a moment ago counts as 49 days old.',
    tests: [MODEL],
  },
  {
    name: 'last-fragment-whole',
    file: 'bpf/parse/ipv6-headers.h',
    find: 'bpf_htons(0xfff9)',
    replace: 'bpf_htons(0x0001)',
    breaks: 'The last fragment of an IPv6 packet is taken for a whole one: bytes of the middle serve as ports.',
    tests: [DAMAGE, MODEL],
  },
];
