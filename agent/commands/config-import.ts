// `config import`: services of another load balancer as a configuration file.
// Imports node:fs, agent/config and its siblings.

import { readFileSync } from 'node:fs';
import { readIpvsadm } from '../config/ipvsadm/read-ipvsadm.js';
import { writeConfig } from '../config/write-config.js';
import { FairleadError } from '../model/errors.js';
import { defineVerb, required } from './verb.js';
import { writeWarnings } from './write-warnings.js';

const STANDARD_INPUT = '-';

const SOURCE = {
  ...required({
    name: 'source',
    placeholder: 'ipvsadm FILE',
    text: "what to read: 'ipvsadm' and the output of `ipvsadm -S -n` ('-': standard input)",
    parse: parseSource,
  }),
  variadic: true,
};

export const configImport = defineVerb({
  words: 'config import',
  summary: 'print services of IPVS as a configuration file, without an agent',
  details:
    'Each service gets a number in its order. -m becomes SNAT, -g DSR by L2, -i DSR by IPIP, -p session affinity. What is not quite the same here is a warning, ' +
    'what has no like is an error with its line.',
  examples: ['config import ipvsadm /etc/ipvsadm.rules'],
  flags: {},
  argument: SOURCE,
  async run({ out, err }, { argument: file }) {
    const { state, dispatch, warnings } = readIpvsadm(read(file), file === STANDARD_INPUT ? 'standard input' : file);
    await out.write(writeConfig(state, dispatch === undefined ? {} : { 'dsr-dispatch': dispatch }));
    await writeWarnings(err, warnings);
  },
});

function parseSource(text: string): string {
  const [format = '', ...rest] = text.split(' ');
  if (format !== 'ipvsadm')
    throw new FairleadError('FL_E_VALUE', `config import: format '${format}' is not known`, { hint: 'it is: ipvsadm' });
  if (rest.length === 0)
    throw new FairleadError('FL_E_USAGE', 'config import ipvsadm: the file is missing', { hint: "'-' reads standard input" });
  return rest.join(' ');
}

function read(file: string): string {
  try {
    return readFileSync(file === STANDARD_INPUT ? 0 : file, 'utf8');
  } catch (error) {
    throw new FairleadError('FL_E_CONFIG', `${file}: cannot be read: ${(error as Error).message}`, {
      hint: 'give a file that is there',
      cause: error,
    });
  }
}
