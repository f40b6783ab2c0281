// `doctor`: looks at this machine as a load balancer, whether an agent runs or not.
// Imports its siblings.

import { DOCTOR_FLAGS, runDoctor } from './doctor-run.js';
import { defineVerb } from './verb.js';

export const doctor = defineVerb({
  words: 'doctor',
  summary: 'look for what is wrong with this machine',
  details:
    'Looks at the machine that it is typed on, as a load balancer: kernel and tools, memory, devices and the programs on them, offloads, MTU, ' +
    'filters, ports. It needs no agent; what one knows (next hops, services) is looked at too when one answers. Each finding has the command that mends it. ' +
    'Exit status 1 when there is a problem.',
  examples: ['doctor', 'doctor --device=eth0 -o json', 'doctor --fix --yes'],
  flags: DOCTOR_FLAGS,
  async run(context, { device, ...how }) {
    await runDoctor(context, how, (examiner) => examiner.balancer({ agent: context.agent, devices: device }));
  },
});
