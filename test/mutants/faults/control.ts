// Faults in the order and the safety of changes: what a packet or a killed agent may meet.
// Imports the types and runs.ts.

import type { Mutant } from '../mutant.js';
import { AGENT, PARTS, START } from './runs.js';

const NEXT_HOPS = { file: 'test/agent/control/next-hop/neighbours.test.ts' };
const NEXT_HOP = { file: 'test/agent/control/next-hop/next-hop.test.ts' };
const INTERFACES = { file: 'test/agent/control/start/interfaces.test.ts' };
const WRITE_FILE = { file: 'test/agent/control/write-file.test.ts' };
const DUMP_STATE = { file: 'test/agent/control/dump-state.test.ts' };

export const controlMutants: readonly Mutant[] = [
  {
    name: 'service-before-its-table',
    file: 'agent/control/apply/apply.ts',
    find: `  await placeTables(context, [placed], transaction);
  await publish(context, placed, all, transaction);`,
    replace: `  await publish(context, placed, all, transaction);
  await placeTables({ ...context, distrustTables: true }, [placed], transaction);`,
    breaks: 'For a moment packets find a new service whose table is not there yet.',
    tests: [AGENT],
  },
  {
    name: 'backend-freed-too-soon',
    file: 'agent/control/apply/apply.ts',
    find: '  await placeTables(context, [placed], transaction);\n',
    replace: `  for (const { id } of context.tables.slots.ofService(service.id)) {
    if (!placed.slots.has(id)) await transaction.run(freeBackend(context.tables, id));
  }
  await placeTables(context, [placed], transaction);
`,
    breaks: 'A backend goes while the table still leads to it: new flows are dropped meanwhile.',
    tests: [AGENT],
  },
  {
    name: 'generation-reused',
    file: 'agent/control/apply/apply.ts',
    find: 'return generation >= 0xffff ? 1 : generation + 1;',
    replace: 'return generation || 1;',
    breaks: 'A slot’s next backend gets the flows of the one before.',
    tests: [AGENT],
  },
  {
    name: 'terminating-gets-new-flows',
    file: 'agent/control/apply/apply.ts',
    find: 'if (serves(backend)) serving.push',
    replace: 'if (weight > 0) serving.push',
    breaks: 'A backend that is being drained still gets new flows.',
    tests: [AGENT],
  },
  {
    name: 'source-lost-with-route',
    file: 'agent/control/apply/apply.ts',
    find: 'source: hop.source ?? present?.source',
    replace: 'source: hop.source',
    breaks: 'A route that goes and comes back leaves flows whose replies find no entry.',
    tests: [NEXT_HOPS],
  },
  {
    name: 'table-not-undone',
    file: 'agent/control/apply/table-steps.ts',
    find: `    undo,
  };
}

export function writeService`,
    replace: `    undo: () => undefined,
  };
}

export function writeService`,
    breaks: 'A change that failed leaves its Maglev table in place.',
    tests: [AGENT],
  },
  {
    name: 'undone-in-wrong-order',
    file: 'agent/control/apply/transaction.ts',
    find: 'this.#done.splice(0).reverse()',
    replace: 'this.#done.splice(0)',
    breaks: 'A rollback takes backends away while their table is still in place.',
    tests: [PARTS],
  },
  {
    name: 'calls-overlap',
    file: 'agent/control/writer.ts',
    find: '    this.#last = turn.catch(() => undefined);\n',
    replace: '',
    breaks: 'Two commands at the same time write into each other’s changes.',
    tests: [PARTS],
  },
  {
    name: 'state-file-in-place',
    file: 'agent/control/write-file.ts',
    find: 'const temporary = ',
    replace: 'const temporary = path; void ',
    breaks: 'A crash while the state file is written leaves a torn one.',
    tests: [WRITE_FILE],
  },
  {
    name: 'persisted-after-apply',
    file: 'agent/control/running-agent.ts',
    find: `    if (differs) this.#session.parts.file.write(next);
    const transaction = new Transaction();
    try {
      await apply(transaction);
`,
    replace: `    const transaction = new Transaction();
    try {
      await apply(transaction);
      if (differs) this.#session.parts.file.write(next);
`,
    breaks: 'An agent that is killed in the middle of a change forgets it at its next start.',
    tests: [AGENT],
  },
  {
    name: 'second-agent-admitted',
    file: 'agent/control/start/ground.ts',
    find: 'if (lock.held) return lock;',
    replace: "if (lock.held || !lock.held) return lock as Ground['lock'];",
    breaks: 'Two agents of one instance undo each other’s work.',
    tests: [START],
  },
  {
    name: 'foreign-program-overrun',
    file: 'agent/control/program/links.ts',
    find: 'const found = ours ? undefined : bpf.attachedProgram(device.index);',
    replace: 'const found = ours || device.index > 0 ? undefined : bpf.attachedProgram(device.index);',
    breaks: 'Somebody else’s program on the device is not recognised before work begins.',
    tests: [START],
  },
  {
    name: 'unload-leaves-maps',
    file: 'agent/control/session.ts',
    find: 'platform.bpf.removePins(pins.directory);',
    replace: 'for (const digest of pins.list().digests) platform.bpf.removePins(pins.program(digest));',
    breaks: '`unload` leaves pinned maps, and their memory, behind.',
    tests: [START],
  },
  {
    name: 'dumpstate-of-all-services',
    file: 'agent/control/running-agent.ts',
    find: 'flows.flows({ serviceId: id })',
    replace: 'flows.flows()',
    breaks: 'dumpstate does not hand its service id on: it shows the flows of all services.',
    tests: [DUMP_STATE],
  },
  {
    name: 'source-of-other-family',
    file: 'agent/control/start/interfaces.ts',
    find: '.find((address) => familyOf(address) === family);',
    replace: '[0];',
    breaks: 'Packets to an IPv6 backend get an IPv4 source, or the other way round.',
    tests: [INTERFACES],
  },
  {
    name: 'resolved-without-source',
    file: 'agent/control/next-hop/next-hop.ts',
    find: '    if (source === undefined)\n      return',
    replace: '    if (source === null)\n      return',
    breaks: 'Packets to a backend of a family that the node has no LB address of leave from the address of all zeros.',
    tests: [NEXT_HOP],
  },
  {
    name: 'fading-lb-address',
    file: 'agent/control/start/interfaces.ts',
    find: 'return firstOf(having(undefined), family) ??',
    replace: 'return firstOf(info.addresses, family) ??',
    breaks: 'A temporary address becomes the LB address: flows end when it goes.',
    tests: [INTERFACES],
  },
  {
    name: 'router-of-another-device',
    file: 'agent/control/next-hop/next-hop.ts',
    find: 'export function neighbourKey(ifindex: number, address: string): string {\n',
    replace:
      "export function neighbourKey(ifindex: number, address: string): string {\n  if (address.startsWith('fe80')) return address;\n",
    breaks: 'Two routers that both call themselves fe80::1 share one MAC address.',
    tests: [NEXT_HOP],
  },
  {
    name: 'mac-not-followed',
    file: 'agent/control/start/start.ts',
    find: `        served?.follow();
`,
    replace: '',
    breaks: 'After a device got another MAC address, replies leave with the old one.',
    tests: [START],
  },
  {
    name: 'device-leaves-before-its-link',
    file: 'agent/control/start/served-devices.ts',
    find: 'this.#leaving = before.filter(',
    replace: 'this.#leaving = before.slice(0, 0).filter(',
    breaks: 'A start that asks for fewer devices loses replies before it has taken the program off.',
    tests: [START],
  },
  {
    name: 'failed-start-keeps-devices',
    file: 'agent/control/start/start.ts',
    find: 'const failure = await undoable.rollback(error);',
    replace: 'const failure = error;',
    breaks: 'A start that fails leaves devices in the table that nobody serves, and takes others out.',
    tests: [START],
  },
];
