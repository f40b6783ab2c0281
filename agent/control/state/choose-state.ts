// Which desired state an agent begins with: the state file's, its last good copy's, or what the maps tell.
// Imports platform/port, agent/datapath, agent/model and its siblings.
// Invariant: where services run and no state can be had, the start is refused: an empty table is never put over them.

import type { Bpf, BpfMap, Clock } from '../../../platform/port.js';
import { Datapath } from '../../datapath/datapath.js';
import { FairleadError } from '../../model/errors.js';
import type { DesiredState, Mode } from '../../model/service.js';
import type { Pins } from '../program/pins.js';
import { rebuildState } from './rebuild-state.js';
import type { StateFile } from './state-file.js';

export interface ChosenState {
  readonly state: DesiredState;
  /** The maps may belong to another state than this one: nothing in them is taken on trust. */
  readonly inDoubt: boolean;
  readonly warnings: readonly string[];
}

export interface StateSources {
  readonly file: StateFile;
  readonly datapath: Datapath;
  readonly bpf: Bpf;
  readonly pins: Pins;
  /** Layout of `datapath`. */
  readonly layout: string;
  readonly clock: Clock;
  /** The mode that was asked for at start; it goes before the file's. */
  readonly mode: Mode | undefined;
}

/** Throws FL_E_STATE when services run that no file and no map can tell. */
export async function chooseState(sources: StateSources): Promise<ChosenState> {
  const found = sources.file.read();
  if (found.state !== undefined) {
    const state = { ...found.state, mode: sources.mode ?? found.state.mode };
    return { state, inDoubt: !found.current, warnings: found.warnings };
  }
  const rebuilt = (await rebuildFrom(sources.datapath, sources.mode)) ?? (await rebuildFromOtherLayouts(sources));
  if (rebuilt === undefined) return { state: { mode: sources.mode ?? 'snat', services: [] }, inDoubt: true, warnings: found.warnings };
  const lost = `state file ${sources.file.path} is lost: what runs was rebuilt from the maps (services: ${rebuilt.services.length})`;
  return { state: rebuilt, inDoubt: true, warnings: [...found.warnings, lost] };
}

async function rebuildFrom(datapath: Datapath, mode: Mode | undefined): Promise<DesiredState | undefined> {
  const services = await datapath.services.entries();
  if (services.length === 0) return undefined;
  const backends = await datapath.backends.entries();
  return rebuildState(services, backends, mode, await datapath.ranges.entries(), await datapath.quic.entries());
}

async function rebuildFromOtherLayouts(sources: StateSources): Promise<DesiredState | undefined> {
  const { bpf, pins } = sources;
  for (const layout of pins.list().layouts.filter((name) => name !== sources.layout)) {
    const directory = pins.maps(layout);
    const maps = new Map<string, BpfMap>();
    try {
      for (const name of bpf.listPins(directory)) {
        const map = bpf.openPinnedMap(`${directory}/${name}`);
        if (map !== undefined) maps.set(name, map);
      }
      const state = await rebuildFrom(Datapath.open(maps, bpf, sources.clock), sources.mode);
      if (state !== undefined) return state;
    } catch (error) {
      throw new FairleadError(
        'FL_E_STATE',
        `state file ${sources.file.path} is lost, and the running maps (layout ${layout}) cannot be read`,
        {
          hint: `put the file back, or begin anew by removing ${pins.directory} (that stops the services that run)`,
          cause: error,
        },
      );
    } finally {
      for (const map of maps.values()) map.close();
    }
  }
  return undefined;
}
