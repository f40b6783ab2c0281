// What the agent finds when it starts: the lock, the devices, the addresses, the clock, and the settings that follow from them.
// Imports platform/port, agent/datapath, agent/model and its siblings.
// Invariant: the instance is this process's alone from here on; what is refused here has touched nothing.

import type { Clock, InterfaceInfo, Lock, Platform } from '../../../platform/port.js';
import type { Config } from '../../datapath/layout.js';
import { buildConfig, buildMacros, layoutDigest, platformMacros } from '../../datapath/macros.js';
import { FairleadError } from '../../model/errors.js';
import { LOCK_FOLDER, type Settings } from '../../model/settings.js';
import { chooseLbAddresses, findDevices, SourcePolicy, warnOfDevices } from './interfaces.js';
import { refuseForeignPrograms } from '../program/links.js';
import type { Log } from '../log.js';
import { Pins } from '../program/pins.js';
import { chooseSnatRange, type PortRange, warnOfOverlap } from './snat-range.js';
import { findSourceDirectory, readSources } from '../program/sources.js';
import { Warnings } from '../warnings.js';

/** Places that are not a person's to set; tests give their own. */
export interface StartEnvironment {
  /** Folder of the lock files. */
  readonly lockDirectory?: string;
  /** The data plane's C sources. */
  readonly sourceDirectory?: string;
  /** Told what happens without anybody having asked for it. */
  readonly log?: Log;
}

export interface Ground {
  readonly lock: Extract<Lock, { held: true }>;
  readonly devices: readonly InterfaceInfo[];
  readonly lbAddresses: readonly string[];
  readonly sources: SourcePolicy;
  readonly snatRange: PortRange;
  readonly clock: Clock;
  readonly sourceDirectory: string;
  readonly layout: string;
  readonly config: Config;
  readonly macros: Readonly<Record<string, string>>;
  readonly pins: Pins;
  readonly warnings: Warnings;
}

/** Throws FL_E_LOCKED, FL_E_NOT_FOUND, FL_E_VALUE, FL_E_UNSUPPORTED, FL_E_FOREIGN_PROGRAM; the lock is free again then. */
export async function surveyGround(platform: Platform, settings: Settings, environment: StartEnvironment): Promise<Ground> {
  const lock = takeLock(platform, settings.instance, environment.lockDirectory ?? LOCK_FOLDER);
  try {
    const devices = findDevices(platform.network, settings.devices);
    const pins = new Pins(platform.bpf, platform.pinRoot, settings.instance);
    refuseForeignPrograms(platform, pins, devices);
    const lbAddresses = chooseLbAddresses(settings, devices, platform.network);
    refuseSynChallenge(platform, settings);
    const local = platform.network.localPortRange();
    const snatRange = settings.snatRange ?? chooseSnatRange(local);
    const clock = await platform.clock();
    const sourceDirectory = environment.sourceDirectory ?? findSourceDirectory();
    const layout = layoutDigest(readHeader(sourceDirectory), settings);
    const config = buildConfig(settings, {
      layoutDigest: layout,
      ticksPerSecond: clock.ticksPerSecond,
      snatRange,
      lbAddresses,
      bootIdentity: platform.bootIdentity(),
    });
    const warnings = new Warnings();
    for (const [name, line] of warnOfDevices(devices)) warnings.set(`device ${name}`, line);
    warnings.set('snat', warnOfOverlap(snatRange, local));
    const sources = new SourcePolicy(lbAddresses, devices);
    const macros = { ...buildMacros(config, settings), ...platformMacros(platform.capabilities) };
    return { lock, devices, lbAddresses, sources, snatRange, clock, sourceDirectory, layout, config, macros, pins, warnings };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Throws FL_E_UNSUPPORTED where it is asked for and cannot be had. */
function refuseSynChallenge({ capabilities }: Platform, { synChallenge, bpfObject }: Settings): void {
  if (synChallenge === 'off') return;
  const what = `--syn-challenge=${synChallenge}`;
  if (bpfObject !== undefined) {
    throw new FairleadError('FL_E_UNSUPPORTED', `${what}: objects for --bpf-object are built without it`, {
      hint: 'leave --bpf-object out',
    });
  }
  if (!capabilities.synCookies) {
    throw new FairleadError('FL_E_UNSUPPORTED', `${what}: this kernel makes no SYN cookies for BPF programs`, {
      hint: 'it takes Linux 6.0 with CONFIG_SYN_COOKIES',
    });
  }
}

function takeLock(platform: Platform, instance: string, directory: string): Ground['lock'] {
  const path = `${directory}/${instance}.lock`;
  const lock = platform.lock(path);
  if (lock.held) return lock;
  const holder = lock.pid === undefined ? 'another agent' : `the agent with process id ${lock.pid}`;
  throw new FairleadError('FL_E_LOCKED', `instance ${instance} is held by ${holder}`, {
    hint: `end that agent (traffic goes on), or give this one another name with --instance; the lock is ${path}`,
  });
}

function readHeader(sourceDirectory: string): string {
  const header = readSources(sourceDirectory).find((file) => file.path === 'layout.h');
  if (header !== undefined) return header.content.toString('utf8');
  throw new FairleadError('FL_E_MISSING', `${sourceDirectory}/layout.h is missing`, { hint: 'install the whole package' });
}
