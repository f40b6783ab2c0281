// Faults in events: what is told of packets, to whom, and that it ends.
// Imports the types. Each is a slip that a person makes, in the data plane's C or in the agent.

import type { Mutant, TestRun } from '../mutant.js';

const EVENTS: TestRun = { file: 'test/bpf/events.test.ts', only: 'events, compiled settings' };
const WATCHER: TestRun = { file: 'test/agent/control/event-watcher.test.ts' };

export const eventMutants: readonly Mutant[] = [
  {
    name: 'event-rate-not-kept',
    file: 'bpf/events.h',
    find: 'if (count->sent >= filter->rate) {',
    replace: 'if (count->sent > 2 * filter->rate) {',
    breaks: 'Twice as many events as asked for: a flood takes the CPU for its own report.',
    tests: [EVENTS],
  },
  {
    name: 'event-snap-ignored',
    file: 'bpf/event-note.h',
    find: '	if (length > snap)\n		length = snap;\n',
    replace: '',
    breaks: 'More of a packet is captured than was asked for: payload that nobody wanted on disk.',
    tests: [EVENTS],
  },
  {
    name: 'event-destination-not-filtered',
    file: 'bpf/events.h',
    find: '!address_matches(filter, event->daddr)',
    replace: '1',
    breaks: 'A filter by address sees one direction alone.',
    tests: [EVENTS],
  },
  {
    name: 'event-of-no-flow',
    file: 'bpf/balance/balance.h',
    find: `	return FAMILY(act)(ctx, packet, tuple, backend, cfg, begun, 1) |
	       (begun & BEGUN_ENTRY ?`,
    replace: `	return FAMILY(act)(ctx, packet, tuple, backend, cfg, begun, 1) |
	       (begun & (BEGUN_ENTRY | BEGUN_UNTRACKED) ?`,
    breaks: 'New flows are told that have no entry: each packet of a flood is one.',
    tests: [EVENTS],
  },
  {
    name: 'event-loss-not-counted',
    file: 'bpf/events.h',
    find: '		count->lost++;',
    replace: '		return 0;',
    breaks: 'Events are lost and nobody is told.',
    tests: [EVENTS],
  },
  {
    name: 'event-watch-left-on',
    file: 'agent/datapath/events-table.ts',
    find: '        ring.close();\n        this.off();',
    replace: '        ring.close();',
    breaks: 'Events stay on behind a watch and cost every packet time.',
    tests: [WATCHER],
  },
  {
    name: 'event-watch-left-on-after-kill',
    file: 'agent/control/apply/reconcile.ts',
    find: '  datapath.events.off();\n',
    replace: '',
    breaks: 'Events that a killed agent left on stay on.',
    tests: [WATCHER],
  },
  {
    name: 'event-of-an-earlier-watch',
    file: 'agent/datapath/events-table.ts',
    find: 'if (event.watch !== watch || ',
    replace: 'if (',
    breaks: 'A watch begins with what an earlier one, with other filters, left in the ring.',
    tests: [WATCHER],
  },
];
