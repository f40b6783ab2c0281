// A doctor in memory, for tests of what people type and read: findings of every kind, some of which go when they are mended.
// Imports agent/doctor alone.

import { commandText, type Command } from '../../../agent/doctor/commands.js';
import type { BackendRequest, BalancerRequest, Examination, Examiner } from '../../../agent/doctor/examiner.js';
import { type Finding, fine, sortFindings } from '../../../agent/doctor/finding.js';
import { FairleadError } from '../../../agent/model/errors.js';

const STRICT = 'The kernel drops what comes in by another device than its way back leads out of.';

export const FINDINGS: readonly Finding[] = [
  {
    level: 'problem',
    check: 'foreign-xdp',
    text: "eth0: XDP program xdp_pass (id 12, native) is not Fairlead's",
    why: 'A device has one XDP program.',
    command: ['ip', 'link', 'set', 'dev', 'eth0', 'xdp', 'off'],
    advice: 'First find out whose it is: bpftool prog show id 12',
  },
  {
    level: 'problem',
    check: 'decap',
    text: 'eth0: no decapsulator is attached',
    why: 'Wrapped packets are not opened.',
    command: ['/usr/lib/node_modules/fairlead/backends/linux/install.sh', '--device', 'eth0', '--vip', '40.1.1.1,40.1.1.2,2001:db8:40::1'],
  },
  {
    level: 'problem',
    check: 'device',
    text: 'eth1 is down',
    command: ['ip', 'link', 'set', 'dev', 'eth1', 'up'],
    harmless: true,
  },
  {
    level: 'warning',
    check: 'rp-filter',
    text: 'eth0: rp_filter is strict (1)',
    why: STRICT,
    command: ['sysctl', '-w', 'net.ipv4.conf.eth0.rp_filter=2'],
    harmless: true,
  },
  {
    level: 'warning',
    check: 'rp-filter',
    text: 'eth1: rp_filter is strict (1)',
    why: STRICT,
    command: ['sysctl', '-w', 'net.ipv4.conf.eth1.rp_filter=2'],
    harmless: true,
  },
  { level: 'note', check: 'agent', text: 'no agent answers: next hops and virtual addresses were not looked at' },
  fine('kernel', 'kernel 6.18.44'),
  fine('memory', '23015 MiB of memory are available'),
];

export class ExaminerDouble implements Examiner {
  readonly requests: (BalancerRequest | BackendRequest)[] = [];
  /** Commands that were run, as text. */
  readonly ran: string[] = [];
  /** The command that fails, as text. */
  failing: string | undefined;
  findings: readonly Finding[];

  constructor(findings: readonly Finding[] = FINDINGS) {
    this.findings = findings;
  }

  async balancer(request: BalancerRequest): Promise<Examination> {
    this.requests.push(request);
    return this.#examination();
  }

  async backend(request: BackendRequest): Promise<Examination> {
    this.requests.push(request);
    return this.#examination();
  }

  async mend(command: Command): Promise<void> {
    const text = commandText(command);
    this.ran.push(text);
    if (text === this.failing) throw new FairleadError('FL_E_SYSTEM', `\`${text}\` failed: permission denied`);
    this.findings = this.findings.filter((one) => one.command === undefined || commandText(one.command) !== text);
  }

  #examination(): Examination {
    return { devices: ['eth0', 'eth1'], chosenBy: 'as given', findings: sortFindings(this.findings) };
  }
}
