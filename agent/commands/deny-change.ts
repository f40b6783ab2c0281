// `deny add` and `deny remove`: change the list of clients that no service takes.
// Imports agent/model, agent/control's types and its siblings.

import type { DenyChange } from '../control/agent.js';
import { parseSourcePrefixes } from '../model/parse.js';
import { countNoun } from './numbers.js';
import { defineVerb, required } from './verb.js';

const PREFIXES = required({
  name: 'prefixes',
  placeholder: 'IP/LENGTH,...',
  text: 'addresses of clients, of either family; an address alone is that one client',
  parse: parseSourcePrefixes,
});

export const denyAdd = defineVerb({
  words: 'deny add',
  summary: 'deny clients to all services',
  details:
    "Their new flows are dropped and counted (source_denied), whatever a service's own source ranges say; flows that they have go on until they end.",
  examples: ['deny add 203.0.113.0/24,2001:db8:bad::/48'],
  flags: {},
  argument: PREFIXES,
  async run({ agent, out }, { argument }) {
    const { added, count } = await agent.updateDenied({ add: argument, remove: [] });
    await out.write(textOf('added', added, argument, count));
  },
});

export const denyRemove = defineVerb({
  words: 'deny remove',
  summary: 'take clients off the list that deny add makes',
  details: 'A prefix goes as it was added: of a longer or shorter one nothing is taken off.',
  examples: ['deny remove 203.0.113.0/24'],
  flags: {},
  argument: PREFIXES,
  async run({ agent, out }, { argument }) {
    const { removed, count } = await agent.updateDenied({ add: [], remove: argument });
    await out.write(textOf('removed', removed, argument, count));
  },
});

/** 'deny list: 2 prefixes added, 5 on it', and how many needed nothing. */
function textOf(what: 'added' | 'removed', done: DenyChange['added'], asked: readonly string[], count: number): string {
  const idle = asked.length - done.length;
  const rest = idle === 0 ? '' : ` (${idle} ${what === 'added' ? 'stood on it already' : 'did not stand on it'})`;
  return `deny list: ${countNoun(done.length, 'prefix', 'prefixes')} ${what}${rest}, ${count} on it\n`;
}
