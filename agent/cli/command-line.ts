// The command line of cilium-agent: words to Settings, or to a text that was asked for (help, version).
// Imports commander, agent/model and agent/commands.
// Invariant: it looks at the words alone; no file, device or environment is touched.

import { Command, CommanderError } from 'commander';
import { examplesText, flagsText } from '../commands/help-text.js';
import { addFlags, HelpShown, readFlags, translateCommanderError } from '../commands/read-flags.js';
import { wrapText } from '../commands/table.js';
import type { ValuesOf } from '../commands/verb.js';
import { VERBS } from '../commands/verbs.js';
import { FairleadError } from '../model/errors.js';
import type { Settings } from '../model/settings.js';
import { SETTINGS_FLAGS, VERSION_FLAG } from './settings-flags.js';

const NAME = 'cilium-agent';
export const CLI_EXAMPLES = [
  'cilium-agent --bpf-lb-mode=snat --device=eth0',
  'cilium-agent --bpf-lb-mode=dsr --dsr-dispatch=l2 --device=eth0,eth1',
  "echo 'service list -o json' | cilium-agent --device=eth0",
] as const;

export const PURPOSE =
  'Sets up a layer-4 load balancer in XDP on network devices, then takes commands at a prompt or from a pipe. It needs root. ' +
  'The data plane outlives the agent: leaving the prompt or ending the agent changes nothing for traffic; `unload` takes it away.';
export const ENVIRONMENT = 'Environment: NO_COLOR=1 no colours; FAIRLEAD_DEBUG=1 stack traces of defects.';
export const EXIT_STATUS =
  'Exit status: 0 done, 1 failed, 2 wrong usage, 3 not supported here, 4 no permission; of piped commands that of the last one that failed.';

export type CommandLine = { readonly kind: 'run'; readonly settings: Settings } | { readonly kind: 'help' } | { readonly kind: 'version' };

/** Reads the words after the program's name. Throws FL_E_USAGE and FL_E_VALUE. */
export function readCommandLine(words: readonly string[]): CommandLine {
  const command = new Command(NAME).helpCommand(false).showSuggestionAfterError(false);
  command.configureOutput({ writeOut: () => {}, writeErr: () => {}, outputError: () => {} });
  const flags = { ...SETTINGS_FLAGS, version: VERSION_FLAG };
  addFlags(command, flags);
  command.allowExcessArguments().argument('[words...]');
  command.exitOverride((error) => {
    throw translateCommanderError(error, command, flags, NAME, CLI_EXAMPLES[0], `${NAME} --help`);
  });
  try {
    command.parse(words, { from: 'user' });
  } catch (error) {
    if (error instanceof HelpShown) return { kind: 'help' };
    if (error instanceof CommanderError) throw new FairleadError('FL_E_USAGE', `${NAME}: ${error.message}`);
    throw isCommand(words) ? commandOnCommandLine(words) : error;
  }
  if (command.opts()['version'] === true) return { kind: 'version' };
  if (command.args.length > 0) throw commandOnCommandLine(command.args);
  return { kind: 'run', settings: toSettings(readFlags(command, SETTINGS_FLAGS, NAME, CLI_EXAMPLES[0])) };
}

/** Whether the line seems to be meant for the prompt: 'service list --id=1'. */
function isCommand(words: readonly string[]): boolean {
  return VERBS.some((verb) => words.includes(verb.words.split(' ')[0] ?? ''));
}

function commandOnCommandLine(words: readonly string[]): FairleadError {
  const hint = 'commands are typed at the prompt, or piped: echo "service list" | cilium-agent --device=eth0';
  return new FairleadError('FL_E_USAGE', `${NAME}: ${JSON.stringify(words.join(' ').slice(0, 60))} is not a flag`, { hint });
}

function toSettings(read: Record<string, unknown>): Settings {
  const { timeoutSyn, timeoutEstablished, timeoutClosing, timeoutUdp, stateFile, ...same } = read as ValuesOf<typeof SETTINGS_FLAGS>;
  return {
    ...same,
    timeouts: { syn: timeoutSyn, established: timeoutEstablished, closing: timeoutClosing, udp: timeoutUdp },
    stateFile: stateFile ?? `/var/lib/fairlead/${same.instance}/state.json`,
  };
}

/** What --help prints. */
export function helpText(width: number): string {
  return [
    `Usage: ${NAME} --device=IF[,IF...] [--bpf-lb-mode=snat|dsr] [FLAG...]\n`,
    `${wrapText(PURPOSE, width).join('\n')}\n`,
    flagsText([...Object.values(SETTINGS_FLAGS), VERSION_FLAG, HELP_FLAG], width),
    `${[...wrapText(ENVIRONMENT, width), ...wrapText(EXIT_STATUS, width)].join('\n')}\n`,
    examplesText(CLI_EXAMPLES),
  ].join('\n');
}

const HELP_FLAG = { name: 'help', short: 'h', placeholder: '', text: 'print this', parse: () => true, required: false, bare: true };
