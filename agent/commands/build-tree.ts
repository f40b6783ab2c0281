// The verbs as a tree of commander commands, built anew for each line since commander keeps what it parsed.
// Imports commander and its siblings.
// Invariant: the tree never writes to the process's own streams and never ends the process.

import { Command, type CommanderError } from 'commander';
import { FairleadError } from '../model/errors.js';
import { overviewText, topicText } from './help-text.js';
import { addFlags, HelpShown, readFlags, translateCommanderError } from './read-flags.js';
import { missingArgument, unknownCommand, unknownFlag } from './usage-errors.js';
import type { CommandContext, Verb } from './verb.js';

/** A tree that runs one line. `showHelp` gets the text of `--help`. */
export function buildTree(verbs: readonly Verb[], context: CommandContext, showHelp: (text: string) => void): Command {
  const root = new Command('fairlead');
  root.helpCommand(false).showSuggestionAfterError(false);
  root.configureOutput({ writeOut: showHelp, writeErr: () => {}, outputError: () => {} });
  root.configureHelp({ formatHelp: () => overviewText(verbs, context.out.columns) });
  root.exitOverride((error) => {
    throw translateBranchError(error, root, '', verbs);
  });
  const nouns = new Map<string, Command>();
  for (const verb of verbs) {
    const [first = '', second] = verb.words.split(' ');
    if (second === undefined) addVerb(root, first, verb, context);
    else addVerb(nouns.get(first) ?? addNoun(root, first, nouns, verbs, context), second, verb, context);
  }
  return root;
}

function addNoun(root: Command, noun: string, nouns: Map<string, Command>, verbs: readonly Verb[], context: CommandContext): Command {
  const command = root.command(noun).helpCommand(false);
  if (noun === 'neighbor') command.alias('neighbour');
  command.configureHelp({ formatHelp: () => topicText(verbs, noun, context.out.columns) ?? '' });
  command.exitOverride((error) => {
    throw translateBranchError(error, command, noun, verbs);
  });
  nouns.set(noun, command);
  return command;
}

function addVerb(parent: Command, word: string, verb: Verb, context: CommandContext): void {
  const command = parent.command(word);
  const example = verb.examples[0] ?? verb.words;
  if (verb.alias !== undefined) command.alias(verb.alias);
  command.configureHelp({ formatHelp: () => topicText([verb], verb.words, context.out.columns) ?? '' });
  command.exitOverride((error) => {
    throw translateCommanderError(error, command, verb.flags, verb.words, example, `help ${verb.words}`);
  });
  addFlags(command, verb.flags);
  const { argument } = verb;
  // Optional for commander, so that our own words say what is missing.
  if (argument !== undefined) command.argument(argument.variadic ? '[words...]' : '[word]');
  command.action(async () => {
    const given = argument?.variadic ? command.args.join(' ') : command.args[0];
    if (argument?.required && !given) throw missingArgument(verb.words, argument, example);
    const operand = argument === undefined || !given ? undefined : argument.parse(given, verb.words);
    const values = { ...readFlags(command, verb.flags, verb.words, example), argument: operand };
    await verb.run(context, values as never);
  });
}

/** For the root (noun '') and the nouns, which have no flags and no action of their own. */
function translateBranchError(error: CommanderError, command: Command, noun: string, verbs: readonly Verb[]): Error {
  const typed = [noun, command.args[0] ?? ''].join(' ').trim();
  switch (error.code) {
    case 'commander.helpDisplayed':
      return new HelpShown();
    case 'commander.unknownOption':
      if (noun === '')
        return new FairleadError('FL_E_USAGE', 'a line begins with a command, not with a flag', { hint: '`help` lists all commands' });
      return unknownFlag(/'([\s\S]*)'/.exec(error.message)?.[1] ?? '', noun, [], 'help');
    case 'commander.help': {
      const words = verbs.filter((verb) => verb.words.startsWith(`${noun} `)).map((verb) => verb.words.slice(noun.length + 1));
      const hint = noun === '' ? '`help` lists all commands' : `${noun} has: ${words.join(', ')}`;
      return new FairleadError('FL_E_USAGE', `${noun || 'the line'}: a word is missing`, { hint });
    }
    default:
      return unknownCommand(typed, verbs);
  }
}
