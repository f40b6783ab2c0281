// What an explanation needs beside the maps: names, and what the agent knows of backends.
// Imports agent/model alone.

import type { HealthStatus } from '../../model/health.js';
import type { DesiredState, Endpoint } from '../../model/service.js';

export interface Surroundings {
  readonly state: DesiredState;
  /** The device that the packet comes in by, and who seems to send it. */
  readonly ingress: { readonly name: string; readonly ifindex: number; readonly mac: string };
  readonly clientMac: string;
  deviceName(ifindex: number): string;
  /** By index in the data plane's table of devices; undefined: there is none. */
  servedDevice(index: number): { readonly ifindex: number; readonly mac: string } | undefined;
  /** The backend id in this slot of the service's live Maglev table; undefined: it has no table. */
  maglevEntry(serviceId: number, slot: number): number | undefined;
  healthOf(service: number, backend: Endpoint): HealthStatus | undefined;
  /** Why the agent has no next hop for this address. */
  whyUnresolved(address: string): string;
  /** New flows that the busiest CPU has let through in this second. */
  begunThisSecond(): number;
  /** The kernel's FIB was asked by the packet itself, and said otherwise than the map. */
  readonly hopIsFresh: boolean;
}
