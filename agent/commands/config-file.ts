// A configuration file as commands read it, and the change that it makes as people read it.
// Imports node:fs, agent/config, agent/control's types, agent/model and its siblings.

import { readFileSync } from 'node:fs';
import { type Config, readConfig } from '../config/read-config.js';
import type { StateDifference } from '../control/agent.js';
import { isSame } from '../control/state/diff-state.js';
import { FairleadError } from '../model/errors.js';
import { countNoun } from './numbers.js';
import { required } from './verb.js';

export const CONFIG_FILE = required({
  name: 'file',
  placeholder: 'FILE',
  text: 'a configuration file, YAML or JSON (docs/configuration.md)',
  parse: (text: string) => text,
});

/** Throws FL_E_CONFIG with file, line and column of what is wrong. */
export function readConfigFile(file: string): Config {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw new FairleadError('FL_E_CONFIG', `${file}: cannot be read: ${(error as Error).message}`, {
      hint: 'give a file that is there and may be read',
      cause: error,
    });
  }
  try {
    return readConfig(new TextDecoder('utf-8', { fatal: true }).decode(bytes), file);
  } catch (error) {
    if (error instanceof TypeError) throw new FairleadError('FL_E_CONFIG', `${file}: not UTF-8 text`, { hint: 'save it as UTF-8' });
    throw error;
  }
}

const SHOWN = 20;

/** One line for each thing that is, or would be, another. */
export function differenceText(difference: StateDifference): string {
  if (isSame(difference)) return 'nothing differs\n';
  const { added, changed, removed, mode, denied, undenied } = difference;
  const lines = [
    ...(mode === undefined ? [] : [`mode ${mode.before} -> ${mode.after}`]),
    ...shorten(removed.map((id) => `- service ${id}`)),
    ...shorten(added.map((id) => `+ service ${id}`)),
    ...shorten(changed.map(({ id, fields }) => `~ service ${id}: ${fields.join(', ')}`)),
    ...shorten(denied.map((prefix) => `+ deny ${prefix}`)),
    ...shorten(undenied.map((prefix) => `- deny ${prefix}`)),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function shorten(lines: readonly string[]): readonly string[] {
  if (lines.length <= SHOWN) return lines;
  return [...lines.slice(0, SHOWN), `${lines[0]?.slice(0, 1)} ... and ${lines.length - SHOWN} more`];
}

/** '3 services added, 1 changed, 0 removed'. */
export function countText({ added, changed, removed }: StateDifference): string {
  return `${countNoun(added.length, 'service')} added, ${changed.length} changed, ${removed.length} removed`;
}
