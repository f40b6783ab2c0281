// From settings to a running agent, step by step.
// Imports platform/port, agent/datapath, agent/model and its siblings.
// Invariant: nothing that forwards is touched before the new program is verified and its maps are filled; a start that fails
// leaves the data plane as it found it and holds nothing.

import type { Capabilities, Platform } from '../../../platform/port.js';
import { Datapath } from '../../datapath/datapath.js';
import { FAMILIES } from '../../datapath/families.js';
import type { Settings } from '../../model/settings.js';
import type { Agent } from '../agent.js';
import { type Ground, type StartEnvironment, surveyGround } from './ground.js';
import { installProgram, type Installed } from '../program/install.js';
import { describeDevice } from './interfaces.js';
import { NextHops } from '../next-hop/neighbours.js';
import { buildObject } from '../program/object.js';
import { prepareProgram, type PreparedProgram } from '../program/program.js';
import { reconcile, type Reconciled } from '../apply/reconcile.js';
import { RunningAgent } from '../running-agent.js';
import { HopChanges, Session } from '../session.js';
import { StateFile } from '../state/state-file.js';
import { checkDevices } from '../status.js';
import { Transaction } from '../apply/transaction.js';
import { ServedDevices } from './served-devices.js';
import { StepReporter } from './step-reporter.js';
import type { ReportStep } from './steps.js';

/**
 * Starts the agent and returns when traffic flows by the desired state. Throws FL_E_LOCKED when another agent holds the instance,
 * FL_E_FOREIGN_PROGRAM, FL_E_COMPILE, FL_E_VERIFY, ...: see agent/model/errors.ts.
 */
export async function startAgent(
  platform: Platform,
  settings: Settings,
  report: ReportStep,
  environment: StartEnvironment = {},
): Promise<Agent> {
  const reporter = new StepReporter(report);
  const closers: (() => void | Promise<void>)[] = [];
  try {
    const ground = await reporter.step('interface', settings.devices.join(', '), async () => {
      const found = await surveyGround(platform, settings, environment);
      closers.push(() => found.lock.release());
      return [found, found.devices.map(describeDevice).join('; ')];
    });
    const object = await reporter.step('compile', 'fairlead.c', () => buildObject(platform, settings, ground));
    const prepared = await reporter.step('verify', object.objectFile, async () => {
      const request = { ...object, layout: ground.layout, cacheDirectory: settings.cacheDirectory };
      const made = await prepareProgram(platform, ground.pins, request);
      closers.push(() => made.close());
      return [made, describeProgram(made)];
    });
    return await takeOver(platform, settings, reporter, ground, prepared, closers, environment);
  } catch (error) {
    for (const close of closers.reverse()) await close();
    throw error;
  }
}

/** The maps filled, the program brought onto the devices, the agent's own work begun. */
async function takeOver(
  platform: Platform,
  settings: Settings,
  reporter: StepReporter,
  ground: Ground,
  prepared: PreparedProgram,
  closers: (() => void | Promise<void>)[],
  environment: StartEnvironment,
): Promise<Agent> {
  const { warnings, pins, layout } = ground;
  const hopChanges = new HopChanges();
  const file = new StateFile(settings.stateFile);
  let installed: Installed;
  let reconciled: Reconciled;
  let hops: NextHops;
  let served: ServedDevices | undefined;
  const undoable = new Transaction();
  const began = performance.now();
  let spent = 0;
  try {
    hops = new NextHops(platform.network, ground.sources, {
      changed: (addresses) => hopChanges.add(addresses),
      devicesChanged: () => {
        noteDevices(platform, ground);
        served?.follow();
      },
      trouble: (error) => warnings.set('network', error && `next hops cannot be followed: ${error.message}`),
    });
    closers.push(() => hops.close());
    const datapath = Datapath.open(prepared.maps, platform.bpf, ground.clock);
    const { config, clock } = ground;
    served = new ServedDevices(datapath.devices, platform.network, ground.devices);
    await undoable.run(served.enter());
    const sources = { file, datapath, bpf: platform.bpf, pins, layout, clock, mode: settings.mode };
    try {
      reconciled = await reconcile({
        ...sources,
        config,
        hops,
        dispatch: settings.dispatch,
        healthExec: settings.healthExec,
        growsHead: prepared.growsHead,
        snatAddresses: settings.snatAddresses,
      });
    } catch (error) {
      return await reporter.step('adopt', settings.stateFile, () => Promise.reject(error), performance.now() - began);
    }
    spent = performance.now() - began;
    installed = await reporter.step('attach', settings.devices.join(', '), async () => {
      const done = await installProgram({ platform, pins, prepared, layout, devices: ground.devices, xdpMode: settings.xdpMode });
      return [done, describeInstalled(done, platform.capabilities)];
    });
  } catch (error) {
    const failure = await undoable.rollback(error);
    prepared.discard();
    throw failure;
  }
  return await reporter.step(
    'adopt',
    settings.stateFile,
    async () => {
      const { tables, state } = reconciled;
      served?.settle();
      for (const { name, notice } of installed.devices) warnings.set(`attach ${name}`, notice);
      if (settings.bpfObject !== undefined) warnings.set('object', warnOfFixedSizes(settings, tables.datapath.flows.limit));
      reconciled.warnings.forEach((line, index) => void warnings.set(`state ${index}`, line));
      const { lock, lbAddresses, snatRange } = ground;
      const { devices } = installed;
      const parts = {
        platform,
        settings,
        pins,
        prepared,
        objectFile: async () => (await buildObject(platform, settings, ground))[0].objectFile,
        devices,
        lbAddresses,
        snatRange,
        tables,
        file,
        hops,
        hopChanges,
        warnings,
        lock,
        log: environment.log ?? (() => {}),
        known: reconciled.known,
      };
      const agent = new RunningAgent(new Session(parts), state);
      const flows = await tables.datapath.flows.count();
      return [agent, describeAdopted(reconciled, installed, flows)];
    },
    spent,
  );
}

function noteDevices(platform: Platform, ground: Ground): void {
  const devices = ground.devices.map(({ name, index }) => ({ name, ifindex: index }));
  for (const [cause, line] of checkDevices(devices, platform.network.interfaces(), ground.lbAddresses))
    ground.warnings.set(`device ${cause}`, line);
}

/** A pre-built object brings its own map sizes. */
function warnOfFixedSizes(settings: Settings, flows: number): string | undefined {
  if (flows === settings.maxFlows * FAMILIES.length) return undefined;
  return `the object given with --bpf-object holds ${flows} flows: --max-flows=${settings.maxFlows} has no effect on it`;
}

function describeProgram({ program, adopted }: PreparedProgram): string {
  if (adopted) return `program id ${program.id} is unchanged: adopted`;
  return `${program.verifiedInstructions} instructions verified, program id ${program.id}`;
}

function describeInstalled({ devices, dropped }: Installed, { atomicReplace }: Pick<Capabilities, 'atomicReplace'>): string {
  const served = devices.map(({ name, mode, link, how, notice }) => {
    const gap = how === 'replaced' && !atomicReplace ? "not in one step: frames in between passed to the system's own stack" : undefined;
    return `${name}: ${mode}, link id ${link.id} (${[how, gap, notice].filter((part) => part !== undefined).join('; ')})`;
  });
  return [...served, ...dropped.map((name) => `${name}: not asked for any more, taken off`)].join('; ');
}

function describeAdopted({ state, warnings, tables }: Reconciled, { flowsLost }: Installed, flows: number): string {
  const counts = [count(state.services.length, 'service'), count(tables.slots.count, 'backend'), count(flows, 'flow')].join(', ');
  const lost = flowsLost ? ['the map layout changed: the flows of before are lost'] : [];
  return [counts, ...lost, ...warnings].join('; ');
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
