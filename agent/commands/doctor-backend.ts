// `doctor backend`: looks at this machine as a backend in DSR mode.
// Imports agent/model and its siblings.

import { parseAddress, parseAddresses, parseDispatch } from '../model/parse.js';
import { DISPATCHES } from '../model/service.js';
import { DEFAULT_SETTINGS } from '../model/settings.js';
import { DOCTOR_FLAGS, runDoctor } from './doctor-run.js';
import { defineVerb, optional, required, withDefault } from './verb.js';

const { device, ...COMMON } = DOCTOR_FLAGS;

export const doctorBackend = defineVerb({
  words: 'doctor backend',
  summary: 'look for what is wrong with this machine as a backend',
  details:
    'Of DSR mode: in SNAT mode a backend needs nothing. Run it on the backend: virtual addresses on lo, silence about them on the link, the decapsulator, filters, MTU. ' +
    'backends/linux/install.sh makes what it looks for. Exit status 1 when there is a problem.',
  examples: ['doctor backend --vip=40.1.1.1', 'doctor backend --vip=40.1.1.1,2001:db8:40::1 --device=eth0 --lb=20.1.1.1'],
  flags: {
    vips: required({
      name: 'vip',
      placeholder: 'IP[,IP...]',
      text: 'virtual addresses that this backend serves',
      parse: parseAddresses,
      repeatable: true,
    }),
    device: { ...device, fallbackText: 'the one that leads to --lb, else those that install.sh was run for, else all that are up' },
    dispatch: withDefault(
      { name: 'dispatch', placeholder: 'ipip|l2', text: 'how the load balancer forwards', parse: parseDispatch, choices: DISPATCHES },
      DEFAULT_SETTINGS.dispatch,
    ),
    balancer: optional({
      name: 'lb',
      placeholder: 'IP',
      text: 'an address of the load balancer: the way to it is looked at too',
      parse: parseAddress,
    }),
    ...COMMON,
  },
  async run(context, { vips, dispatch, balancer, device: devices, ...how }) {
    await runDoctor(context, how, (examiner) => examiner.backend({ vips, dispatch, balancer, devices }));
  },
});
