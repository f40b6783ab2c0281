// The flags that several verbs share.
// Imports agent/model's parsers and its siblings.

import { parseServiceId, parseWord } from '../model/parse.js';
import { FORMAT_NAMES, FORMATS, type Format, type FormatName } from './formats.js';
import { required, withDefault } from './verb.js';

export const SERVICE_ID = required({
  name: 'id',
  placeholder: 'N',
  text: 'number of the service, 1 to 65535',
  parse: parseServiceId,
  offers: 'service',
});

export const OUTPUT = withDefault<Format>(
  {
    name: 'output',
    short: 'o',
    placeholder: FORMAT_NAMES.join('|'),
    text: 'how to write the answer',
    parse: (text, where) => FORMATS[parseWord<FormatName>(text, 'format', FORMAT_NAMES, where)],
    choices: FORMAT_NAMES,
  },
  'table',
);
