// The doctor as a person uses it in a network namespace: asked by the command line, and what it prints typed into a shell.
// Imports Node, and of agent/doctor the text of commands.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { commandText } from '../../../agent/doctor/commands.js';

const PROGRAM = fileURLToPath(new URL('../../../dist/program/main.js', import.meta.url));

export interface Found {
  readonly level: string;
  readonly check: string;
  readonly text: string;
  readonly command: readonly string[] | null;
  readonly fixable: boolean;
}

export interface Look {
  readonly status: number;
  readonly devices: readonly string[];
  readonly chosenBy: string;
  /** What is not fine. */
  readonly amiss: readonly Found[];
  /** 'problem arp', 'warning mtu', ... of what is not fine, sorted; notes are left out. */
  readonly kinds: readonly string[];
  /** What mends them, as typed, in their order. */
  readonly commands: readonly string[];
}

export class Shell {
  readonly #namespace: string;

  constructor(namespace: string) {
    this.#namespace = namespace;
  }

  /** Runs lines of sh there; their output. Fails at the first that does. */
  run(line: string): string {
    const { status, stdout, stderr } = this.attempt(`set -e; ${line}`);
    assert.equal(status, 0, `${line}: ${stdout}${stderr}`);
    return stdout;
  }

  attempt(line: string): { readonly status: number; readonly stdout: string; readonly stderr: string } {
    // `fairlead` is what `npm link` would have put on the PATH.
    const script = `fairlead() { '${process.execPath}' '${PROGRAM}' "$@"; }\n${line}`;
    const ran = spawnSync('nsenter', [`--net=/run/netns/${this.#namespace}`, 'sh', '-c', script], { encoding: 'utf8', timeout: 60_000 });
    return { status: ran.status ?? 128, stdout: ran.stdout, stderr: ran.stderr };
  }

  /** `fairlead WORDS -o json`. */
  look(words: string): Look {
    const { status, stdout, stderr } = this.attempt(`fairlead ${words} -o json`);
    assert.ok(status <= 1 && stderr === '', `${words}: ${stderr}`);
    const { doctor } = JSON.parse(stdout) as { doctor: { devices: string[]; chosenBy: string; findings: Found[] } };
    const amiss = doctor.findings.filter(({ level }) => level !== 'ok');
    const kinds = amiss.filter(({ level }) => level !== 'note').map(({ level, check }) => `${level} ${check}`);
    const commands = amiss.flatMap(({ command }) => (command === null ? [] : commandText(command)));
    return { status, devices: doctor.devices, chosenBy: doctor.chosenBy, amiss, kinds: kinds.sort(), commands };
  }

  /** The commands as the answer prints them, in its order: all lines that are indented as one. */
  printed(words: string): readonly string[] {
    const text = this.attempt(`fairlead ${words}`).stdout.replace(/ \\\n +/g, ' ');
    return [...text.matchAll(/^ {11}(\S.*)$/gm)].map(([, command = '']) => command);
  }
}
