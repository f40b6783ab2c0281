// The agent double with all its addresses of IPv6: how tables read then.
// Imports agent/model/views and agent-double.ts.
// Invariant: only addresses differ from the double's answers.

import type { BackendView, FlowView, NeighbourView, ServiceView } from '../../../agent/model/views.js';
import { AgentDouble } from './agent-double.js';

/** As people number networks: 20.1.1.10 becomes 2001:db8:20::10. */
export const SHORT = ([a, , , d]: readonly string[]): string => `2001:db8:${a}::${d}`;
/** All 39 characters that an address can have. */
export const LONGEST = (parts: readonly string[]): string => `fd00:1db8:ffff:ffff:${parts.map((part) => part.padStart(4, 'f')).join(':')}`;

export class AgentDouble6 extends AgentDouble {
  readonly #to6: (parts: readonly string[]) => string;

  constructor(to6: (parts: readonly string[]) => string) {
    super();
    this.#to6 = to6;
  }

  #translate<View>(view: View): View {
    const text = JSON.stringify(view).replace(/(\d+\.\d+\.\d+\.\d+)(:\d+)?/g, (_, address: string, port?: string) => {
      const translated = this.#to6(address.split('.'));
      return port === undefined ? translated : `[${translated}]${port}`;
    });
    return JSON.parse(text) as View;
  }

  override async getService(id: number): Promise<ServiceView> {
    return this.#translate(await super.getService(id));
  }

  override async listServices(): Promise<readonly ServiceView[]> {
    return this.#translate(await super.listServices());
  }

  override async listBackends(): Promise<readonly BackendView[]> {
    return (await this.listServices()).flatMap((service) => service.backends);
  }

  override async listNeighbours(): Promise<readonly NeighbourView[]> {
    const router = { address: 'fe80::1', device: 'eth0', mac: '02:00:00:00:00:fe', state: 'stale', backends: ['40.2.2.7:80'] };
    return this.#translate([...(await super.listNeighbours()), router]);
  }

  override async *dumpState(id: number): AsyncGenerator<FlowView> {
    for await (const flow of super.dumpState(id)) yield this.#translate(flow);
  }
}
