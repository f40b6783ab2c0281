// Which devices the data plane's device table holds, from before the links are changed until the agent ends.
// Imports platform/port, agent/datapath and types of its siblings.
// Invariant: a device is in the table while a program of ours may be on it, so that replies find their client's device at any time.

import type { InterfaceInfo, Network } from '../../../platform/port.js';
import type { DeviceTable, ServedDevice } from '../../datapath/device-table.js';
import { MAX_DEVICES } from '../../datapath/layout.js';
import type { Step } from '../apply/transaction.js';

export class ServedDevices {
  readonly #table: DeviceTable;
  readonly #network: Pick<Network, 'interfaces'>;
  readonly #devices: readonly InterfaceInfo[];
  /** Served until the links are changed, and not asked for any more. */
  #leaving: readonly ServedDevice[] = [];

  constructor(table: DeviceTable, network: Pick<Network, 'interfaces'>, devices: readonly InterfaceInfo[]) {
    this.#table = table;
    this.#network = network;
    this.#devices = devices;
  }

  /** Before the links are changed: those asked for come in, those served so far stay. */
  enter(): Step {
    const before = this.#table.list();
    return {
      text: 'devices',
      run: () => {
        this.#leaving = before.filter(({ ifindex }) => !this.#devices.some(({ index }) => index === ifindex));
        try {
          this.follow();
        } catch (error) {
          this.#table.set(before);
          throw error;
        }
      },
      undo: () => this.#table.set(before),
    };
  }

  /** The links are those asked for: the others leave. */
  settle(): void {
    this.#leaving = [];
    this.follow();
  }

  /** Writes the present MAC addresses. Devices that are gone leave the table; one that was made anew takes its index. */
  follow(): void {
    const present = new Map(this.#network.interfaces().map((info) => [info.index, info]));
    const asked = this.#devices.map(({ index, mac }) => ({ ifindex: index, mac: present.get(index)?.mac ?? mac }));
    const leaving = this.#leaving.filter(({ ifindex }) => present.has(ifindex));
    this.#table.set([...asked, ...leaving.slice(0, Math.max(0, MAX_DEVICES - 1 - asked.length))]);
  }
}
