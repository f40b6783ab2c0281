// What a command is: its words, flags and what it does, as data that the parser, help, completion and docs/commands.md share.
// Imports agent/model, and types of agent/control/agent.ts and agent/doctor. One file per verb defines one Verb.
// Invariant: a verb's run() gets values that were parsed and checked; it never sees text of flags.

import type { Agent } from '../control/agent.js';
import type { Examiner } from '../doctor/examiner.js';
import type { Sink } from './sink.js';

/** A flag, or a positional argument, whose text becomes a Value. */
export interface Flag<Value> {
  /** Without the dashes: 'backend-weights'. */
  readonly name: string;
  readonly short?: string;
  /** How the value is shown in help: 'IP:PORT'. */
  readonly placeholder: string;
  readonly text: string;
  /** Throws FL_E_VALUE. `where` names the flag for the message. */
  readonly parse: (text: string, where: string) => Value;
  readonly required: boolean;
  /** Text that is parsed when the flag is not given. */
  readonly fallback?: string;
  /** The default in words, where it is no text of the flag itself. */
  readonly fallbackText?: string;
  /** All values, when they are few; Tab offers them. */
  readonly choices?: readonly string[];
  /** What of the running state Tab offers. */
  readonly offers?: 'service' | 'backend' | 'next-hop';
  /** The flag takes no value; its text is 'true' when given. */
  readonly bare?: boolean;
  /** Text that is parsed when the flag stands without a value. */
  readonly whenBare?: string;
  /** Given more than once, its texts are joined by commas; else the last one counts. */
  readonly repeatable?: boolean;
}

type FlagSpec<Value> = Omit<Flag<Value>, 'required' | 'fallback'>;

export const required = <Value>(spec: FlagSpec<Value>): Flag<Value> => ({ ...spec, required: true });
export const optional = <Value>(spec: FlagSpec<Value>): Flag<Value | undefined> => ({ ...spec, required: false });
export const withDefault = <Value>(spec: FlagSpec<Value>, fallback: string): Flag<Value> => ({ ...spec, required: false, fallback });

// biome-ignore lint/suspicious/noExplicitAny: the value's type does not matter where flags of all kinds are listed
export type AnyFlag = Flag<any>;
export type FlagSet = Readonly<Record<string, AnyFlag>>;
export type ValuesOf<Flags extends FlagSet> = { readonly [Key in keyof Flags]: Flags[Key] extends Flag<infer Value> ? Value : never };

/** A person's keyboard. `pressed` gets the character of each key. */
export type Keyboard = (pressed: (key: string) => void) => { close(): void };

/** What a running command may use. */
export interface CommandContext {
  readonly agent: Agent;
  /** The answer. */
  readonly out: Sink;
  /** Warnings and errors. */
  readonly err: Sink;
  /** Aborted by Ctrl-C; a command that streams stops at it. */
  readonly signal: AbortSignal;
  /** Ends the session after this command. `unloaded`: the data plane is gone. */
  leave(why: 'exit' | 'unloaded'): void;
  /** Looks at the machine that this process is on; undefined: it cannot. */
  readonly doctor?: (() => Promise<Examiner>) | undefined;
  /** Hands over each key that is pressed, until it is closed; undefined: there is no keyboard. Ctrl-C aborts `signal` as ever. */
  readonly keyboard?: Keyboard | undefined;
  /** Asks the person for a yes; undefined: there is nobody to ask. */
  readonly ask?: ((question: string) => Promise<boolean>) | undefined;
}

/** Thrown when the answer, which is written by then, is that something is wrong: the command fails, and there is nothing more to say. */
export class AnsweredNo extends Error {}

/** What positional arguments have beside a flag's traits. */
export interface Operand {
  /** Several words are one argument. */
  readonly variadic?: boolean;
  /** Words that may stand among them and look like flags, but mean nothing: '->'. */
  readonly noise?: readonly string[];
}

/** A verb as the parser sees it. */
export interface Verb {
  /** 'service update', 'status'. */
  readonly words: string;
  /** One line, lower case, no full stop. */
  readonly summary: string;
  /** More sentences for its help. */
  readonly details?: string;
  readonly examples: readonly string[];
  readonly flags: FlagSet;
  readonly argument?: AnyFlag & Operand;
  /** Other words for the same: 'quit'. */
  readonly alias?: string;
  readonly run: (context: CommandContext, values: never) => Promise<void>;
}

type VerbSpec<Flags extends FlagSet, Argument> = Omit<Verb, 'flags' | 'run' | 'argument'> & {
  readonly flags: Flags;
  readonly argument?: Flag<Argument> & Operand;
  readonly run: (context: CommandContext, values: ValuesOf<Flags> & { readonly argument: Argument }) => Promise<void>;
};

/** Gives run() the types of the verb's own flags. */
export function defineVerb<const Flags extends FlagSet, Argument = undefined>(spec: VerbSpec<Flags, Argument>): Verb {
  return spec as unknown as Verb;
}

/** '--id=N', '--id', '[--id=N]'. */
export function flagUsage(flag: AnyFlag): string {
  if (flag.whenBare !== undefined) return `--${flag.name}[=${flag.placeholder}]`;
  return flag.bare ? `--${flag.name}` : `--${flag.name}=${flag.placeholder}`;
}

/** The usage line: 'service get --id=N [-o table|json]'. */
export function verbUsage(verb: Verb): readonly string[] {
  const flags = Object.values(verb.flags).map((flag) => {
    const use = flag.short === undefined ? flagUsage(flag) : `-${flag.short} ${flag.placeholder}`;
    return flag.required ? use : `[${use}]`;
  });
  const argument = verb.argument;
  const operand = argument === undefined ? [] : [argument.required ? `<${argument.placeholder}>` : `[${argument.placeholder}]`];
  return [verb.words, ...operand, ...flags];
}
