// The tools of Windows that the doctor asks, and what they are asked: argument arrays, no shell.
// Imports its neighbours' types.
// Invariant: every question changes nothing. Tests stand in for Ask, so that what is read can be tested where there is no Windows.

import type { Command } from '../commands.js';
import type { Said } from '../run.js';
import type { ServiceName } from './facts.js';

/** Undefined: the tool is not there, or takes too long. */
export type Ask = (command: Command) => Promise<Said | undefined>;

export const XDP_PARAMETERS = 'HKLM\\SYSTEM\\CurrentControlSet\\Services\\xdp\\Parameters';
const CONTROL = 'HKLM\\SYSTEM\\CurrentControlSet\\Control';

const value = (key: string, name: string): Command => ['reg.exe', 'query', key, '/v', name];

export const QUESTIONS = {
  service: (name: ServiceName): Command => ['sc.exe', 'query', name],
  /** The key of the local service account, which administrators alone may read. */
  elevated: ['reg.exe', 'query', 'HKU\\S-1-5-19'],
  ebpfEnabled: value(XDP_PARAMETERS, 'XdpEbpfEnabled'),
  xdpMode: value(XDP_PARAMETERS, 'XdpEbpfMode'),
  /** What the kernel was started with, ' TESTSIGNING  NOEXECUTE=OPTIN'. */
  bootOptions: value(CONTROL, 'SystemStartOptions'),
  /** What it will be started with. */
  nextBoot: ['bcdedit.exe', '/enum', '{current}'],
  secureBoot: value(`${CONTROL}\\SecureBoot\\State`, 'UEFISecureBootEnabled'),
  memoryIntegrity: value(`${CONTROL}\\DeviceGuard\\Scenarios\\HypervisorEnforcedCodeIntegrity`, 'Enabled'),
  programs: ['netsh.exe', 'ebpf', 'show', 'programs'],
  hostModels: [
    'powershell.exe',
    '-NoProfile',
    '-NonInteractive',
    '-Command',
    "Get-NetIPInterface | ForEach-Object { '{0} {1} {2} {3}' -f $_.ifIndex, $_.AddressFamily, $_.WeakHostSend, $_.WeakHostReceive }",
  ],
} as const satisfies Readonly<Record<string, Command | ((name: ServiceName) => Command)>>;
