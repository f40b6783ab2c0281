// Windows programs under Wine: the double built, and node.exe started with what it prints in files.
// Imports tools/setup and Node.
// A node.exe whose standard input or output is a Unix pipe dies, so output goes to files; input comes by TCP where a test has any.
// Invariant: Wine's server is this process's child in the same network namespace, and every Windows program ends with it.

import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
// @ts-expect-error plain JavaScript, as it runs before TypeScript is there
import { COMPILER, NODE_EXE, NODE_PATH, PREFIX, WINE, WINE_SERVER } from '../../../tools/setup/windows.mjs';

/** A path as Windows programs have it: drive Z: is Linux' root. */
export function windowsPath(path: string): string {
  return `Z:${path.replaceAll('/', '\\')}`;
}

/** Compiles the double into the folder. */
export function buildDouble(folder: string): void {
  const sources = fileURLToPath(new URL('.', import.meta.url));
  const files = readdirSync(sources).filter((name) => name.endsWith('.c'));
  const options = ['-std=c11', '-O2', '-Wall', '-Wextra', '-Werror', '-shared', '-static', '-o', join(folder, 'ebpfapi.dll')];
  execFileSync(COMPILER, [...options, ...files.map((name) => join(sources, name)), '-lws2_32']);
}

export interface Ended {
  readonly status: number | null;
  readonly output: string;
}

/** A running node.exe. */
export class WindowsNode {
  readonly #child: ChildProcess;
  readonly #outputFile: string;

  constructor(child: ChildProcess, outputFile: string) {
    this.#child = child;
    this.#outputFile = outputFile;
  }

  /** What it has written to either of its outputs. */
  output(): string {
    return readFileSync(this.#outputFile, 'utf8');
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async ended(): Promise<Ended> {
    if (this.running) await once(this.#child, 'exit');
    return { status: this.#child.exitCode, output: this.output() };
  }

  /** As a crash would end it. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended();
  }
}

/** Wine with the double on its path. */
export class Wine {
  readonly #folder: string;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #server: ChildProcess;
  #started = 0;

  /** `folder`: for the double and for outputs. `port`: the driver's. */
  constructor(folder: string, port: number) {
    this.#folder = folder;
    this.#environment = {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      WINEPREFIX: PREFIX,
      WINEDEBUG: '-all',
      WINEDLLOVERRIDES: 'mscoree,mshtml=',
      WINEPATH: windowsPath(folder),
      NODE_PATH: windowsPath(NODE_PATH),
      FAIRLEAD_EBPF_DRIVER: String(port),
    };
    buildDouble(folder);
    this.#server = spawn(WINE_SERVER, ['--foreground', '--persistent'], { env: this.#environment, stdio: 'ignore' });
  }

  /** Starts node.exe; paths among the arguments as Windows has them. */
  start(args: readonly string[], environment: NodeJS.ProcessEnv = {}): WindowsNode {
    const outputFile = join(this.#folder, `output-${this.#started++}.txt`);
    const [input, output] = [openSync('/dev/null', 'r'), openSync(outputFile, 'a')];
    const child = spawn(WINE, [NODE_EXE, ...args], {
      env: { ...this.#environment, ...environment },
      stdio: [input, output, output],
    });
    closeSync(input);
    closeSync(output);
    return new WindowsNode(child, outputFile);
  }

  run(args: readonly string[], environment?: NodeJS.ProcessEnv): Promise<Ended> {
    return this.start(args, environment).ended();
  }

  /** Ends every Windows program. */
  stop(): void {
    spawnSync(WINE_SERVER, ['--kill'], { env: this.#environment });
    this.#server.kill('SIGKILL');
  }
}
