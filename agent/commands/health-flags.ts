// The flags of `service update` that say how backends are checked, and what they ask of the agent.
// Imports agent/model and its siblings.

import { FairleadError } from '../model/errors.js';
import {
  ALL_DOWN_WORDS,
  FLOWS_WORDS,
  HEALTH_PROFILES,
  type HealthUpdate,
  INITIAL_WORDS,
  PROFILE_NAMES,
  THROUGH_WORDS,
} from '../model/health.js';
import { parseInteger, parseWord } from '../model/parse.js';
import { parseCommand, parseHealth, parseJitter, parsePayload, parseSpan, parseTimes } from '../model/parse-health.js';
import { optional, type ValuesOf } from './verb.js';

/** A flag whose value is one of a few words. */
const wordFlag = <Word extends string>(name: string, words: readonly Word[], text: string) =>
  optional<Word>({
    name,
    placeholder: words.join('|'),
    text,
    parse: (given, where) => parseWord(given, 'word', words, where),
    choices: words,
  });

export const HEALTH_FLAGS = {
  health: optional({
    name: 'health',
    placeholder: 'KIND[:DETAIL]|none',
    text:
      'check the backends: tcp (a connection is accepted), http[:PATH], https[:PATH] (a GET is answered with a status from 200 to 399), udp (a datagram is ' +
      'answered), grpc[:SERVICE], grpcs[:SERVICE] (the server says SERVING), exec (a program ends with 0); none: no checks any more; see docs/health.md',
    parse: parseHealth,
  }),
  healthProfile: optional({
    name: 'health-profile',
    placeholder: 'default|fast',
    text: 'default: every 2 s, timeout 1 s, down after 3; fast: every 0.25 s, timeout 0.25 s, down after 2; both up after 2',
    parse: (text, where) => HEALTH_PROFILES[parseWord(text, 'profile', PROFILE_NAMES, where)],
    choices: PROFILE_NAMES,
  }),
  healthPort: optional({
    name: 'health-port',
    placeholder: 'PORT',
    text: 'port that is checked, when it is not the one that serves',
    parse: (text, where) => parseInteger(text, { kind: 'port', min: 1, max: 65535 }, where),
  }),
  healthInterval: optional({
    name: 'health-interval',
    placeholder: 'SECONDS',
    text: 'from one check to the next, 0.05 to 3600',
    parse: parseSpan,
  }),
  healthTimeout: optional({
    name: 'health-timeout',
    placeholder: 'SECONDS',
    text: 'until a check counts as failed, 0.05 to 3600',
    parse: parseSpan,
  }),
  healthRise: optional({ name: 'health-rise', placeholder: 'N', text: 'so many passed in a row make a backend up', parse: parseTimes }),
  healthFall: optional({ name: 'health-fall', placeholder: 'N', text: 'so many failed in a row make a backend down', parse: parseTimes }),
  healthJitter: optional({
    name: 'health-jitter',
    placeholder: 'PERCENT',
    text: 'so much of the interval may be left out, at random, 0 to 50 (10 unless changed)',
    parse: parseJitter,
  }),
  healthAllDown: wordFlag(
    'health-all-down',
    ALL_DOWN_WORDS,
    'when no backend is up, new flows go to all as if all were (open, unless changed), or to none (closed)',
  ),
  healthInitial: wordFlag(
    'health-initial',
    INITIAL_WORDS,
    'what a new backend counts as until its checks have said something (up, unless changed)',
  ),
  healthFlows: wordFlag('health-flows', FLOWS_WORDS, 'flows of a backend that goes down are kept (unless changed), or ended'),
  healthThrough: wordFlag(
    'health-through',
    THROUGH_WORDS,
    "check the backend's own address (direct, unless changed), or the virtual address as clients' packets reach it in DSR (dsr)",
  ),
  healthSend: optional({
    name: 'health-send',
    placeholder: 'TEXT|hex:DIGITS',
    text: 'udp: what the datagram holds, at most 1024 bytes; empty unless given',
    parse: parsePayload,
  }),
  healthExpect: optional({
    name: 'health-expect',
    placeholder: 'TEXT|hex:DIGITS',
    text: 'udp: what the answer has to contain; any answer unless given',
    parse: parsePayload,
  }),
  healthCommand: optional({
    name: 'health-command',
    placeholder: 'JSON',
    text: "exec: program and arguments as a JSON array; it runs as the agent's user, and only where the agent was started with --health-exec=on",
    parse: parseCommand,
  }),
};

/** What the flags ask of the checks; single ones go before the profile. Throws FL_E_USAGE for details of no check. */
export function healthOf(flags: ValuesOf<typeof HEALTH_FLAGS>): HealthUpdate | 'none' | undefined {
  const { health, healthProfile } = flags;
  const single = given({
    port: flags.healthPort,
    interval: flags.healthInterval,
    timeout: flags.healthTimeout,
    rise: flags.healthRise,
    fall: flags.healthFall,
    jitter: flags.healthJitter,
    allDown: flags.healthAllDown,
    initial: flags.healthInitial,
    flows: flags.healthFlows,
    through: flags.healthThrough,
    send: flags.healthSend,
    expect: flags.healthExpect,
    command: flags.healthCommand,
  });
  const update = { ...healthProfile, ...single };
  if (health !== 'none') return Object.keys({ ...health, ...update }).length === 0 ? undefined : { ...health, ...update };
  if (Object.keys(update).length === 0) return 'none';
  throw new FairleadError('FL_E_USAGE', 'service update: --health=none with details of a check', { hint: 'give one or the other' });
}

/** Without the fields that were not given. */
export function given<Fields extends object>(fields: Fields): Partial<Fields> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<Fields>;
}
