// What the checks of Windows look at beside what every platform has (../facts.ts): services, boot options, programs, as plain data.
// Imports its neighbours' types.
// Invariant: undefined means "could not be seen", as in ../facts.ts.

import type { BalancerFacts, DeviceChoice, RouteFacts } from '../facts.js';
import type { InterfaceInfo } from '../../../platform/port.js';
import type { Dispatch } from '../../model/service.js';

/** 'other': on its way, or paused. */
export type ServiceState = 'running' | 'stopped' | 'absent' | 'other';

/** eBPFCore: maps and programs; eBPFSvc: verifies and translates object files (JIT), not in every installation; xdp: the hook. */
export const SERVICES = ['eBPFCore', 'eBPFSvc', 'xdp'] as const;
export type ServiceName = (typeof SERVICES)[number];

/** One line of `netsh ebpf show programs`. */
export interface ProgramLine {
  readonly id: number;
  readonly links: number;
  /** 'NATIVE', 'JIT', 'INTERPRET' */
  readonly mode: string;
  readonly type: string;
  readonly name: string;
}

export interface WindowsMachine {
  /** Whether this process is an administrator's, elevated. */
  readonly elevated: boolean | undefined;
  readonly services: Readonly<Record<ServiceName, ServiceState | undefined>>;
  /** XdpEbpfEnabled; absent counts as false, as the driver takes it. */
  readonly ebpfEnabled: boolean | undefined;
  /** XdpEbpfMode. */
  readonly xdpMode: 'generic' | 'native' | 'automatic' | undefined;
  /** Of the boot that runs now. */
  readonly testSigning: boolean | undefined;
  /** Of the next one. */
  readonly testSigningNext: boolean | undefined;
  readonly secureBoot: boolean | undefined;
  /** Memory integrity (HVCI): the kernel runs signed code alone. */
  readonly memoryIntegrity: boolean | undefined;
  readonly programs: readonly ProgramLine[] | undefined;
  /** Why ebpfapi.dll cannot be used; undefined: it can. Without it no device could be looked at. */
  readonly libraryTrouble: string | undefined;
}

export interface WindowsBalancerFacts extends Pick<BalancerFacts, 'devices' | 'missing' | 'interfaces' | 'agent' | 'agentTrouble'> {
  readonly machine: WindowsMachine;
}

/** Whether an interface takes and sends packets of addresses that stand on another one (RFC 1122, 3.3.4.2). */
export interface HostModel {
  readonly ifindex: number;
  readonly family: 4 | 6;
  readonly weakSend: boolean;
  readonly weakReceive: boolean;
}

export interface WindowsBackendFacts extends Pick<DeviceChoice, 'missing'> {
  readonly machine: Pick<WindowsMachine, 'elevated' | 'libraryTrouble'>;
  readonly devices: BalancerFacts['devices'];
  readonly interfaces: readonly InterfaceInfo[];
  readonly hostModels: readonly HostModel[] | undefined;
  readonly vips: readonly string[];
  readonly dispatch: Dispatch;
  readonly balancer: RouteFacts | undefined;
  /** Path of backends/windows/install.ps1 of this package; undefined: it is not there. */
  readonly installScript: string | undefined;
}
