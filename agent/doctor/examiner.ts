// What a command asks of the doctor: look at this machine, and run a command that mends something.
// Imports agent/control's and agent/model's types and its neighbours'. linux/examiner.ts and windows/examiner.ts are the two that there are.

import type { Agent } from '../control/agent.js';
import type { Dispatch } from '../model/service.js';
import type { Command, Shell } from './commands.js';
import type { Finding } from './finding.js';

export interface Examination {
  /** The devices that were looked at. */
  readonly devices: readonly string[];
  /** Why these, for people: 'as given'. */
  readonly chosenBy: string;
  /** That commands are shown for; undefined: sh. */
  readonly shell?: Shell;
  /** The gravest first. */
  readonly findings: readonly Finding[];
}

export interface BalancerRequest {
  /** Asked for what it knows; it need not run. */
  readonly agent: Agent;
  /** Undefined: those of the agent, else those that carry the program, else all that are up. */
  readonly devices: readonly string[] | undefined;
}

export interface BackendRequest {
  readonly vips: readonly string[];
  readonly dispatch: Dispatch;
  /** Undefined: the one that leads to the load balancer, else those that install.sh was run for, else all that are up. */
  readonly devices: readonly string[] | undefined;
  /** An address of the load balancer. */
  readonly balancer: string | undefined;
}

export interface Examiner {
  /** Changes nothing. Throws FL_E_UNSUPPORTED where there is no data plane for the system. */
  balancer(request: BalancerRequest): Promise<Examination>;
  backend(request: BackendRequest): Promise<Examination>;
  /** Runs the command. Throws FL_E_SYSTEM with its last words when it fails, FL_E_MISSING when it is not installed. */
  mend(command: Command): Promise<void>;
}
