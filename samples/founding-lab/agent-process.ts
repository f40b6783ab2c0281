// The real, compiled agent on the lab's LB, driven through its piped input as a script drives it.
// Imports Node and its siblings; of the agent it knows the command line alone.
// Invariant: instance and state file carry the lab's name, so that labs side by side share nothing but compiled programs, and cleanup.ts finds all.
//
// An answer's end: commands are answered in order, so after each line `mode get -o json` is asked, whose answer is told from any other.

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { FairleadError } from '../../agent/model/errors.js';
import type { Lab } from './lab.js';
import { objectCache } from './object-cache.js';

const PROGRAM = fileURLToPath(new URL('../../dist/program/main.js', import.meta.url));
const MARKER = /^\{\s*"version":\s*\d+,\s*"mode":\s*"\w+"\s*\}\s*$/m;
/** More characters than the marker has: an answer of many megabytes is not searched again each time a piece of it arrives. */
const MARKER_TAIL = 100;

export interface Answer {
  readonly stdout: string;
  /** Errors and warnings. */
  readonly stderr: string;
}

export interface AgentProcess {
  readonly instance: string;
  readonly pid: number;
  /** What it wrote before its first answer: the steps of its start. */
  readonly startOutput: string;
  /** True until the process ended. */
  readonly running: boolean;
  /** Sends a line and waits for its answer. Throws FL_E_SYSTEM when the agent ends or takes longer than `timeout` ms (default 20 s). */
  tell(line: string, timeout?: number): Promise<Answer>;
  /** The same for a command that must succeed: throws FL_E_SYSTEM when it wrote an error. */
  must(line: string, timeout?: number): Promise<string>;
  /** tell(line + ' -o json'), read. */
  json(line: string): Promise<unknown>;
  /** Ends the process with a signal, as a crash does; the data plane stays. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Ends its input and waits for its end; the data plane stays. Returns the exit status. */
  stop(): Promise<number>;
}

export interface AgentOptions {
  /** Added to the lab's name; a second agent of the same lab needs one. */
  readonly suffix?: string;
  /** Milliseconds until the first answer. Default 60 s: a cold start compiles. */
  readonly timeout?: number;
  /** Host to run on. Default lb. */
  readonly host?: string;
}

/** The agent's command line in this lab, without nsenter; also for a start on the terminal. `args` may name files of its own. */
export function agentCommand(lab: Lab, args: readonly string[], suffix = ''): string[] {
  const instance = lab.name + (suffix && `-${suffix}`);
  const own = [`--instance=${instance}`, `--state=${join(lab.folder, `${instance}.json`)}`, `--cache-dir=${objectCache(args)}`];
  const isGiven = (flag: string) => args.some((arg) => arg.startsWith(flag.slice(0, flag.indexOf('=') + 1)));
  return [process.execPath, PROGRAM, ...args, ...own.filter((flag) => !isGiven(flag))];
}

function collect(child: ChildProcess): { stdout: string; stderr: string } {
  const output = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text;
  });
  child.stdin?.on('error', () => {});
  return output;
}

/** Starts the agent with these flags (such as --bpf-lb-mode=snat --device=eth0). Throws FL_E_SYSTEM with its last words when it ends. */
export async function startAgent(lab: Lab, args: readonly string[], options: AgentOptions = {}): Promise<AgentProcess> {
  const command = agentCommand(lab, args, options.suffix);
  const child = lab.host(options.host ?? 'lb').spawn(command, { stdio: ['pipe', 'pipe', 'pipe'] });
  const output = collect(child);
  const ended = once(child, 'exit');
  const isRunning = () => child.exitCode === null && child.signalCode === null;
  let queue: Promise<unknown> = Promise.resolve();

  const fail = (line: string, why: string): never => {
    const words = `${output.stdout}\n${output.stderr}`.trim().split('\n').slice(-4).join(' | ');
    throw new FairleadError('FL_E_SYSTEM', `agent, at \`${line}\`: ${why}: ${words || 'it said nothing'}`, {
      hint: `start it by hand: ${lab.host('lb').enter(command).join(' ')}`,
    });
  };
  const ask = async (line: string, timeout: number): Promise<Answer> => {
    output.stdout = '';
    output.stderr = '';
    child.stdin?.write(`${line}\nmode get -o json\n`);
    const deadline = Date.now() + timeout;
    let match: RegExpExecArray | null = null;
    // The command itself may be `mode get -o json`: the marker is the last of the answers that are complete.
    const wanted = /^mode get -o json$/.test(line.trim()) ? 2 : 1;
    for (;;) {
      if (MARKER.test(output.stdout.slice(-MARKER_TAIL))) match = [...output.stdout.matchAll(new RegExp(MARKER, 'gm'))][wanted - 1] ?? null;
      if (match !== null) break;
      if (!isRunning()) fail(line, `it ended with ${child.exitCode ?? child.signalCode}`);
      if (Date.now() > deadline) fail(line, `no answer in ${timeout} ms`);
      await sleep(2);
    }
    // Standard error has a pipe of its own, and was written before the marker: let it arrive.
    await sleep(5);
    return { stdout: output.stdout.slice(0, match.index), stderr: output.stderr };
  };
  const tell = (line: string, timeout = 20_000): Promise<Answer> => {
    const answer = queue.then(() => ask(line, timeout));
    queue = answer.catch(() => {});
    return answer;
  };
  const must = async (line: string, timeout?: number): Promise<string> => {
    const answer = await tell(line, timeout);
    if (/^error:/m.test(answer.stderr)) {
      throw new FairleadError('FL_E_SYSTEM', `agent, at \`${line}\`: ${answer.stderr.trim()}`, { hint: 'see the message' });
    }
    return answer.stdout;
  };

  const start = await tell('', options.timeout ?? 60_000);
  return {
    instance: lab.name + (options.suffix ? `-${options.suffix}` : ''),
    pid: child.pid ?? 0,
    startOutput: `${start.stdout}${start.stderr}`,
    get running() {
      return isRunning();
    },
    tell,
    must,
    json: async (line) => JSON.parse(await must(`${line} -o json`)) as unknown,
    async kill(signal = 'SIGKILL') {
      if (!isRunning()) return;
      child.kill(signal);
      await ended;
    },
    async stop() {
      if (isRunning()) {
        child.stdin?.end();
        await ended;
      }
      return child.exitCode ?? 128;
    },
  };
}
