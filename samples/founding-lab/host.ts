// One host of the lab: a network namespace in which programs are run.
// Imports Node and its siblings.
// Invariant: programs enter by nsenter, which changes the network alone; `ip netns exec` would also mount another /sys over
// the BPF file system. Background programs have a session of their own, so Ctrl-C at the terminal does not reach them.

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import type { Family } from '../../agent/model/address.js';
import { type CommandResult, type RunOptions, runCommand } from './command.js';
import type { Addresses, HostPlan } from './options.js';

export class Host {
  readonly name: string;
  readonly role: HostPlan['role'];
  readonly namespace: string;
  /** IPv4 address of eth0. */
  readonly address: string;
  readonly #addresses: Addresses;

  constructor(plan: HostPlan, labName: string) {
    this.name = plan.name;
    this.role = plan.role;
    this.namespace = `${labName}-${plan.name}`;
    this.#addresses = plan.links[0]?.addresses ?? { 4: '', 6: '' };
    this.address = this.#addresses[4];
  }

  /** Address of eth0 of a family. */
  addressOf(family: Family): string {
    return this.#addresses[family];
  }

  /** The command as run from outside the namespace. */
  enter(command: readonly string[]): string[] {
    return ['nsenter', `--net=/run/netns/${this.namespace}`, ...command];
  }

  /** What a person types to get a shell on this host. */
  reach(): string {
    return `nsenter --net=/run/netns/${this.namespace} bash`;
  }

  /** Runs a command to its end. Errors: FL_E_SYSTEM, see runCommand. */
  run(command: readonly string[], options?: RunOptions): Promise<CommandResult> {
    return runCommand(this.enter(command), options);
  }

  /** Starts a program that goes on in the background. It ends with the lab at the latest. */
  spawn(command: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const [program = '', ...args] = this.enter(command);
    return spawn(program, args, { stdio: 'ignore', detached: true, ...options });
  }

  /** MAC address of a device, 'aa:bb:cc:dd:ee:ff'. */
  async mac(device = 'eth0'): Promise<string> {
    const { stdout } = await runCommand(['ip', '-n', this.namespace, '-j', 'link', 'show', 'dev', device]);
    const [link] = JSON.parse(stdout) as { address: string }[];
    return link?.address ?? '';
  }
}
