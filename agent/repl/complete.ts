// What Tab offers: the words of commands, flags, and values: states, modes, ids of services, backends, next hops.
// Imports agent/commands, agent/model and agent/control/agent.ts.
// Invariant: it never throws; without an answer of the agent it offers less.

import type { AnyFlag, Verb } from '../commands/verb.js';
import type { Agent } from '../control/agent.js';
import { formatEndpoint, formatNextHop } from '../model/format.js';

/** The candidates for the last word of `line`, and that word: what node:repl's completer answers. */
export async function complete(line: string, verbs: readonly Verb[], agent: Agent): Promise<[string[], string]> {
  const words = line.split(/\s+/).filter((word) => word !== '');
  const last = /\s$/.test(line) || line === '' ? '' : (words.pop() ?? '');
  const candidates = await candidatesAfter(words, last, verbs, agent);
  return [candidates.filter((candidate) => candidate.startsWith(last)), last];
}

async function candidatesAfter(before: readonly string[], last: string, verbs: readonly Verb[], agent: Agent): Promise<string[]> {
  if (before[0] === 'help') return nextWords(before.slice(1), verbs);
  const verb = findVerb(before, verbs);
  if (verb === undefined) return nextWords(before, verbs);
  const flags = Object.values(verb.flags);
  const given = before.slice(verb.words.split(' ').length);
  const open = flags.find(
    (flag) => !flag.bare && flag.whenBare === undefined && [`--${flag.name}`, `-${flag.short ?? '-'}`].includes(given.at(-1) ?? ''),
  );
  if (open !== undefined) return values(open, given, agent);
  const equals = last.indexOf('=');
  if (equals > 0) {
    const flag = flags.find((one) => `--${one.name}` === last.slice(0, equals));
    return flag === undefined ? [] : (await values(flag, given, agent)).map((value) => `--${flag.name}=${value}`);
  }
  const unused = flags.filter((flag) => !given.some((word) => word.split('=')[0] === `--${flag.name}`));
  const offered = unused.map((flag) => `--${flag.name}${flag.bare || flag.whenBare !== undefined ? '' : '='}`);
  // `doctor` is a command, and the noun of `doctor backend`.
  if (given.length === 0) offered.unshift(...nextWords(before, verbs));
  return verb.argument === undefined ? offered : [...(await values(verb.argument, given, agent)), ...offered];
}

/** The one of most words: `doctor backend` before `doctor`. */
function findVerb(words: readonly string[], verbs: readonly Verb[]): Verb | undefined {
  return verbs
    .filter(
      (verb) =>
        verb.words.split(' ').every((word, index) => words[index] === word) || (verb.alias !== undefined && verb.alias === words[0]),
    )
    .toSorted((one, other) => other.words.length - one.words.length)[0];
}

/** The words that may come after `before`: at the beginning nouns and single verbs, after a noun its verbs. */
function nextWords(before: readonly string[], verbs: readonly Verb[]): string[] {
  const matching = verbs.map((verb) => [...verb.words.split(' ')]).filter((words) => before.every((word, index) => words[index] === word));
  const next = matching.map((words) => words[before.length]).filter((word) => word !== undefined);
  const aliases = before.length === 0 ? verbs.map((verb) => verb.alias).filter((alias) => alias !== undefined) : [];
  return [...new Set([...next, ...aliases])].map((word) => `${word} `);
}

async function values(flag: AnyFlag, given: readonly string[], agent: Agent): Promise<string[]> {
  if (flag.choices !== undefined) return [...flag.choices];
  try {
    if (flag.offers === 'service') return (await agent.listServices()).map((service) => String(service.id));
    if (flag.offers === 'next-hop') return (await agent.listNeighbours()).map(formatNextHop);
    if (flag.offers === 'backend') {
      const id = idOf(given);
      const backends = await agent.listBackends();
      return [...new Set(backends.filter((one) => id === undefined || String(one.service) === id).map(formatEndpoint))];
    }
  } catch {
    // The agent's trouble is told when the line is run.
  }
  return [];
}

/** The service's id among the words that were typed already. */
function idOf(given: readonly string[]): string | undefined {
  const at = given.findIndex((word) => word === '--id' || word.startsWith('--id='));
  return at < 0 ? undefined : (given[at]?.split('=')[1] ?? given[at + 1]);
}
