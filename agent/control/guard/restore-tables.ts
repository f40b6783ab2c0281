// The maps that the agent alone writes: what somebody else has written there is overwritten with what the agent had.
// Imports agent/datapath.
// Invariant: a Maglev table that is lost or not the one that was put in place is built anew from the desired state.

import type { Datapath } from '../../datapath/datapath.js';

/** Maglev tables whose content is compared in one look; all of them in turn. */
const TABLES_A_LOOK = 4;

export class TableKeeper {
  readonly #datapath: Datapath;
  readonly #rebuild: (serviceId: number) => Promise<void>;

  constructor(datapath: Datapath, rebuild: (serviceId: number) => Promise<void>) {
    this.#datapath = datapath;
    this.#rebuild = rebuild;
  }

  /** Returns what was put right. Throws what reading and writing maps throws. */
  async restore(): Promise<readonly string[]> {
    const done: string[] = [];
    for (const map of this.#datapath.watched) {
      const restored = await map.restore();
      if (restored === undefined) continue;
      const counts = (['changed', 'missing', 'foreign'] as const).filter((what) => restored[what] > 0);
      done.push(`map ${restored.map}: entries ${counts.map((what) => `${what}: ${restored[what]}`).join(', ')}`);
    }
    for (const id of await this.#datapath.maglev.findDamaged(TABLES_A_LOOK)) {
      await this.#rebuild(id);
      done.push(`the Maglev table of service ${id} had been changed`);
    }
    return done;
  }
}
