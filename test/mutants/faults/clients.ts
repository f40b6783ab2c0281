// Faults in what is asked of clients: source ranges, the deny list, session affinity, from the data plane to the commands.
// Imports the types alone.

import type { Mutant, TestRun } from '../mutant.js';

const RANGES: TestRun = { file: 'test/bpf/packets.test.ts', only: 'packets, compiled settings, IPv4 source ranges' };
const AFFINITY: TestRun = { file: 'test/bpf/packets.test.ts', only: 'packets, compiled settings, IPv6 session affinity' };
const POLICY: TestRun = { file: 'test/agent/control/source-policy.test.ts' };
const DENIED: TestRun = { file: 'test/agent/control/deny-list.test.ts' };

export const clientMutants: readonly Mutant[] = [
  {
    name: 'ranges-of-another-service',
    file: 'bpf/balance/source.h',
    find: 'key.service_id = ranges;',
    replace: 'key.service_id = ranges ? 1 : 0;',
    breaks: 'Every service is asked for the ranges of service 1.',
    tests: [RANGES],
  },
  {
    name: 'range-prefix-without-its-service',
    file: 'bpf/balance/source.h',
    find: 'key.prefix_length = 32 + 8 * sizeof(address_t);',
    replace: 'key.prefix_length = 8 * sizeof(address_t);',
    breaks: 'A long range is not found: the bits of the service id are not counted.',
    tests: [RANGES],
  },
  {
    name: 'deny-list-without-its-flag',
    file: 'bpf/balance/source.h',
    find: 'if ((flags & FL_SERVICE_DENY_LIST) && !FAMILY',
    replace: 'if (!FAMILY',
    breaks: 'The list of all services counts before the agent has said so, and costs a lookup where there is none.',
    tests: [RANGES],
  },
  {
    name: 'affinity-for-ever',
    file: 'bpf/balance/source.h',
    find: '>= service->affinity_seconds * cfg->ticks_per_second)',
    replace: '>= (service->affinity_seconds | 0x40000000) * cfg->ticks_per_second)',
    breaks: 'A client is bound to its backend beyond the time of affinity.',
    tests: [AFFINITY],
  },
  {
    name: 'affinity-to-a-draining-backend',
    file: 'bpf/backends.h',
    find: ' && (backend)->state == FL_BACKEND_ACTIVE',
    replace: '',
    breaks: 'A client’s new flows go to a backend that takes no new ones.',
    tests: [AFFINITY],
  },
  {
    name: 'affinity-of-another-service',
    file: 'bpf/balance/source.h',
    find: `	key.address = tuple->saddr;
	key.service_id = service_id;
	bpf_map_update_elem`,
    replace: `	key.address = tuple->saddr;
	key.service_id = service_id ? 1 : 0;
	bpf_map_update_elem`,
    breaks: 'A client’s backend is noted for service 1 whatever service it used.',
    tests: [AFFINITY],
  },
  {
    name: 'ranges-after-their-service',
    file: 'agent/control/apply/apply.ts',
    find: '  await placeRanges(tables, service.id, rangesFor(service), transaction);\n',
    replace:
      '  queueMicrotask(() => void placeRanges(tables, service.id, rangesFor(service), transaction));\n  for (let i = 0; i < 9; i++) await null;\n',
    breaks: 'Nobody waits for the ranges, nor sees that they could not be written.',
    tests: [POLICY],
  },
  {
    name: 'ranges-stay-after-their-service',
    file: 'agent/control/apply/apply.ts',
    find: '  await dropRanges(tables, id, new Map(), transaction);\n',
    replace: '',
    breaks: 'The ranges of a deleted service wait for the next one with its id.',
    tests: [POLICY],
  },
  {
    name: 'half-written-ranges-stay',
    file: 'agent/control/apply/source-policy.ts',
    find: '    await undo();\n    throw error;',
    replace: '    throw error;',
    breaks: 'A batch that the full map cut off leaves its beginning behind.',
    tests: [POLICY],
  },
  {
    name: 'deny-list-of-either-family',
    file: 'agent/control/apply/source-policy.ts',
    find: 'ofFamily(deny, familyOf(service.frontend.address)).length > 0',
    replace: 'deny.length > 0',
    breaks: 'Services of a family that the list has no prefix of pay for a lookup.',
    tests: [DENIED],
  },
];
