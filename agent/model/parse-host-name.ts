// Names of hosts as text: those that a browser may ask the agent's page for by.
// Imports its siblings only.

import { parseList, valueError } from './parse-value.js';

/** RFC 1123 §2.1, with the lengths of RFC 1035 §2.3.4. */
const NAME = /^(?=.{1,253}$)(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*$/;

/** 'lb1,lb1.example.com': in small letters, as names are compared. Throws FL_E_VALUE. */
export function parseHostNames(text: string, where?: string): readonly string[] {
  return parseList(
    text,
    (part, place) => {
      const name = part.toLowerCase();
      if (NAME.test(name)) return name;
      throw valueError('name', part, 'not the name of a host', place, 'give names such as lb1.example.com, without a port');
    },
    where,
  );
}
