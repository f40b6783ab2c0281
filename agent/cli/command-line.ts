// The command line: words to an agent's settings, to a command for a running agent, or to a text that was asked for.
// Imports commander, agent/model and agent/commands.
// Invariant: it looks at the words, and at the file that --config names, alone; no device or environment is touched.

import { Command, CommanderError } from 'commander';
import { examplesText, flagsText } from '../commands/help-text.js';
import { addFlags, HelpShown, readFlags, translateCommanderError } from '../commands/read-flags.js';
import { wrapText } from '../commands/table.js';
import type { FlagSet, ValuesOf } from '../commands/verb.js';
import { VERBS } from '../commands/verbs.js';
import { FairleadError } from '../model/errors.js';
import { type Settings, socketOf, stateFileOf } from '../model/settings.js';
import { readConfigFile } from '../commands/config-file.js';
import { COMPLETE_WORD } from './completion.js';
import { AGENT_FLAGS, RUN_FLAGS, SETTINGS_FLAGS, VERSION_FLAG } from './settings-flags.js';

const NAME = 'fairlead';
export const CLI_EXAMPLES = [
  'cilium-agent --bpf-lb-mode=snat --device=eth0',
  'fairlead agent --bpf-lb-mode=dsr --dsr-dispatch=l2 --device=eth0,eth1',
  'fairlead service list -o json',
] as const;

export const USAGES = [
  'cilium-agent --device=IF[,IF...] [--bpf-lb-mode=snat|dsr] [FLAG...]',
  'fairlead agent --device=IF[,IF...] [--bpf-lb-mode=snat|dsr] [FLAG...]',
  'fairlead repl [--instance=NAME|--api-socket=PATH]',
  'fairlead [--instance=NAME|--api-socket=PATH] COMMAND [FLAG...]',
  'fairlead completion bash|zsh|fish|powershell',
] as const;
export const PURPOSE =
  'Sets up a layer-4 load balancer in XDP on network devices. The first form takes commands at a prompt or from a pipe, the second none: it is for a ' +
  'service manager. The third is a prompt to an agent that runs, the fourth one command to it (`fairlead help` lists all), the last prints a script for a shell to complete them. An agent needs root, on Windows an administrator; ' +
  'so do its users, unless --api-group names another group. ' +
  'The data plane outlives the agent: leaving the prompt or ending the agent changes nothing for traffic; `unload` takes it away.';
export const ENVIRONMENT = 'Environment: NO_COLOR=1 no colours; FAIRLEAD_DEBUG=1 stack traces of defects.';
export const EXIT_STATUS =
  'Exit status: 0 done, 1 failed, 2 wrong usage, 3 not supported here, 4 no permission; of piped commands that of the last one that failed.';

export type CommandLine =
  /** `config`: the file that it was given, to be applied once it runs; `watch`: and whenever it changes. */
  | {
      readonly kind: 'agent';
      readonly prompt: boolean;
      readonly settings: Settings;
      readonly config: string | undefined;
      readonly watch: boolean;
    }
  | { readonly kind: 'repl'; readonly socket: string }
  | { readonly kind: 'command'; readonly socket: string; readonly words: readonly string[] }
  /** Candidates for the last word of a line that is being typed. */
  | { readonly kind: 'complete'; readonly socket: string; readonly line: string }
  | { readonly kind: 'completion'; readonly shell: string | undefined }
  | { readonly kind: 'help' }
  | { readonly kind: 'version' };

/** Reads the words after the program's name. Throws FL_E_USAGE and FL_E_VALUE. */
export function readCommandLine(words: readonly string[]): CommandLine {
  if (words[0] === 'agent') return readAgent(words.slice(1), false);
  if (words[0] === 'repl') {
    const read = parse(words.slice(1), AGENT_FLAGS, CLI_EXAMPLES[2]);
    return read.kind === 'values' ? { kind: 'repl', socket: socketFrom(read.values) } : read;
  }
  if (words[0] === COMPLETE_WORD) return { kind: 'complete', socket: socketIn(words[1] ?? ''), line: words[1] ?? '' };
  if (words[0] === 'completion') return { kind: 'completion', shell: words[1] };
  const at = commandIndex(words);
  if (at === undefined) return readAgent(words, true);
  const read = parse(words.slice(0, at), AGENT_FLAGS, CLI_EXAMPLES[2]);
  return read.kind === 'values' ? { kind: 'command', socket: socketFrom(read.values), words: words.slice(at) } : read;
}

function readAgent(words: readonly string[], prompt: boolean): CommandLine {
  // The file's flags come first, so that those of the command line go before them.
  const config = configIn(words);
  const read = parse([...(config === undefined ? [] : readConfigFile(config).agentWords), ...words], RUN_FLAGS, CLI_EXAMPLES[0]);
  if (read.kind !== 'values') return read;
  const { config: _file, watch = false, ...values } = read.values;
  if (watch && (prompt || config === undefined)) {
    throw new FairleadError('FL_E_USAGE', '--watch: there is no file to watch', { hint: 'fairlead agent --config=FILE --watch' });
  }
  return { kind: 'agent', prompt, settings: toSettings(values), config, watch };
}

/** What --config names, before anything else is read. */
function configIn(words: readonly string[]): string | undefined {
  const at = words.findLastIndex((word) => word === '--config' || word.startsWith('--config='));
  return at < 0 ? undefined : words[at] === '--config' ? words[at + 1] : words[at]?.slice('--config='.length);
}

/** Where a command for a running agent begins: the first word, or behind flags that say which agent. Undefined: the words are an agent's flags. */
function commandIndex(words: readonly string[]): number | undefined {
  const names = Object.values(AGENT_FLAGS).map(({ name }) => `--${name}`);
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    if (names.includes(word)) at++;
    else if (!word.startsWith('-')) return at;
    else if (!names.some((name) => word.startsWith(`${name}=`))) return undefined;
  }
  return undefined;
}

type Parsed<Flags extends FlagSet> =
  | { readonly kind: 'values'; readonly values: ValuesOf<Flags> }
  | { readonly kind: 'help' }
  | { readonly kind: 'version' };

function parse<Flags extends FlagSet>(words: readonly string[], own: Flags, example: string): Parsed<Flags> {
  const command = new Command(NAME).helpCommand(false).showSuggestionAfterError(false);
  command.configureOutput({ writeOut: () => {}, writeErr: () => {}, outputError: () => {} });
  const flags = { ...own, version: VERSION_FLAG };
  addFlags(command, flags);
  command.allowExcessArguments().argument('[words...]');
  command.exitOverride((error) => {
    throw translateCommanderError(error, command, flags, NAME, example, `${NAME} --help`);
  });
  try {
    command.parse(words, { from: 'user' });
  } catch (error) {
    if (error instanceof HelpShown) return { kind: 'help' };
    if (error instanceof CommanderError) throw new FairleadError('FL_E_USAGE', `${NAME}: ${error.message}`);
    throw isCommand(words) ? commandAmongFlags(words) : error;
  }
  if (command.opts()['version'] === true) return { kind: 'version' };
  if (command.args.length > 0) throw commandAmongFlags(command.args);
  return { kind: 'values', values: readFlags(command, own, NAME, example) as ValuesOf<Flags> };
}

/** Whether the line seems to hold a command: '--device=eth0 service list --id=1'. */
function isCommand(words: readonly string[]): boolean {
  return VERBS.some((verb) => words.includes(verb.words.split(' ')[0] ?? ''));
}

function commandAmongFlags(words: readonly string[]): FairleadError {
  const hint = 'a command goes to a running agent, without the flags of one: fairlead service list; or it is typed at the prompt';
  return new FairleadError('FL_E_USAGE', `${NAME}: ${JSON.stringify(words.join(' ').slice(0, 60))} is not a flag of an agent`, { hint });
}

function socketFrom({ instance, apiSocket }: ValuesOf<typeof AGENT_FLAGS>): string {
  return apiSocket ?? socketOf(instance);
}

/** Of the agent that an unfinished line names; where it names none that can be, the usual one. */
function socketIn(line: string): string {
  const words = line.split(/\s+/).filter((word) => /^--(?:instance|api-socket)=./.test(word));
  try {
    const read = parse(words, AGENT_FLAGS, CLI_EXAMPLES[2]);
    if (read.kind === 'values') return socketFrom(read.values);
  } catch {
    // What is wrong with the line is told when it is run.
  }
  return socketOf(SETTINGS_FLAGS.instance.fallback ?? '');
}

function toSettings(read: ValuesOf<typeof SETTINGS_FLAGS>): Settings {
  const { timeoutSyn, timeoutEstablished, timeoutClosing, timeoutUdp, stateFile, apiSocket, ...same } = read;
  return {
    ...same,
    timeouts: { syn: timeoutSyn, established: timeoutEstablished, closing: timeoutClosing, udp: timeoutUdp },
    stateFile: stateFile ?? stateFileOf(same.instance),
    apiSocket: apiSocket ?? socketOf(same.instance),
  };
}

/** What --help prints. */
export function helpText(width: number): string {
  return [
    USAGES.map((usage, index) => `${index === 0 ? 'Usage:' : '      '} ${usage}\n`).join(''),
    `${wrapText(PURPOSE, width).join('\n')}\n`,
    flagsText([...Object.values(RUN_FLAGS), VERSION_FLAG, HELP_FLAG], width),
    `${[...wrapText(ENVIRONMENT, width), ...wrapText(EXIT_STATUS, width)].join('\n')}\n`,
    examplesText(CLI_EXAMPLES),
  ].join('\n');
}

const HELP_FLAG = { name: 'help', short: 'h', placeholder: '', text: 'print this', parse: () => true, required: false, bare: true };
