// A platform's handle of a program of the fake kernel: loading by name, test runs that answer what the test said.
// May import platform/port, agent/model/errors and its siblings.
// Invariant: a load that fails has made and pinned nothing.

import { FairleadError } from '../../agent/model/errors.js';
import type { BpfMap, BpfProgram, LoadRequest, TestRun } from '../port.js';
import type { FakeKernel, FakeRun } from './kernel.js';
import { FakeMap } from './map.js';
import { type FakeMapSpec, MapObject, type ProgramObject } from './objects.js';
import { pinObject } from './pins.js';

export class FakeProgram implements BpfProgram {
  readonly id: number;
  readonly name: string;
  readonly tag: string;
  readonly verifiedInstructions = 100;
  readonly translatedInstructions = 100;
  readonly machineCodeBytes = 500;
  readonly maps: ReadonlyMap<string, BpfMap>;
  readonly mapIds: readonly number[];
  readonly object: ProgramObject;
  readonly #kernel: FakeKernel;
  #open = true;

  constructor(kernel: FakeKernel, object: ProgramObject, maps: readonly FakeMap[]) {
    this.#kernel = kernel;
    this.object = object;
    object.handles++;
    this.id = object.id;
    this.name = object.name;
    this.tag = object.tag;
    this.maps = new Map(maps.map((map) => [map.name, map]));
    this.mapIds = object.maps.map((map) => map.id);
  }

  testRun(packet: Buffer, options: { repeat?: number; ingressIfindex?: number } = {}): TestRun {
    if (packet.length < 14)
      throw new FairleadError('FL_E_SYSTEM', `test run of ${this.name} with ${packet.length} bytes failed: invalid argument`);
    const ifindex = options.ingressIfindex ?? 1;
    // 0 is no device, and may be said.
    if (ifindex !== 0 && !this.#kernel.net.interfaces.some((device) => device.index === ifindex)) {
      throw new FairleadError('FL_E_SYSTEM', `test run of ${this.name} from device ${ifindex} failed: no such device`);
    }
    const run = this.#kernel.options.programs?.find((program) => program.name === this.name)?.run;
    const answer: FakeRun = run?.(Buffer.from(packet), ifindex, mapsByName(this.object)) ?? {
      verdict: 'pass',
      packet: Buffer.from(packet),
    };
    for (const { map, record } of answer.records ?? []) this.object.maps.find(({ spec }) => spec.name === map)?.ring?.put(record);
    return { verdict: answer.verdict, packet: answer.packet, nanoseconds: 100 };
  }

  pin(path: string): void {
    this.#kernel.checkFault('pin');
    pinObject(this.#kernel, path, this.object);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.object.handles--;
    for (const map of this.maps.values()) map.close();
    this.#kernel.collect();
  }
}

/** The file's content is not looked at: programs and maps are those of the kernel's options. */
export function loadFakeProgram(kernel: FakeKernel, request: LoadRequest): FakeProgram {
  kernel.checkFault('load');
  const known = kernel.options.programs;
  const spec = known?.find((program) => program.name === request.program);
  if (known !== undefined && spec === undefined) {
    throw new FairleadError('FL_E_LOAD', `object file ${request.objectFile} has no program ${request.program}`, {
      hint: `it has: ${known.map((program) => program.name).join(', ')}`,
    });
  }
  const declared = kernel.options.maps ?? [];
  if (request.pinDirectory !== undefined) for (const map of declared) requireSameLayout(kernel, map, pinPath(request.pinDirectory, map));
  if (spec?.refused !== undefined) {
    const reason = spec.refused.trim().split('\n').at(-1);
    const what = `the verifier refused program ${request.program} of ${request.objectFile}: ${reason}`;
    throw new FairleadError('FL_E_VERIFY', what, { cause: spec.refused });
  }
  const objects = declared.map((map) => adoptOrMake(kernel, { ...map, ...request.otherwise?.get(map.name) }, request.pinDirectory));
  const used = objects.filter((object) => spec?.maps?.includes(object.spec.name) ?? true);
  const handles = objects.map((object) => new FakeMap(kernel, object));
  return new FakeProgram(kernel, kernel.addProgram(request.program, used), handles);
}

function mapsByName(object: ProgramObject): ReadonlyMap<string, MapObject> {
  return new Map(object.maps.map((map) => [map.spec.name, map]));
}

function pinPath(directory: string, map: FakeMapSpec): string {
  return `${directory}/${map.name}`;
}

function adoptOrMake(kernel: FakeKernel, spec: FakeMapSpec, directory: string | undefined): MapObject {
  if (directory === undefined || spec.pinned === false) return kernel.addMap(spec);
  const there = kernel.pins.get(pinPath(directory, spec));
  if (there instanceof MapObject) return there;
  const map = kernel.addMap(spec);
  pinObject(kernel, pinPath(directory, spec), map);
  return map;
}

function requireSameLayout(kernel: FakeKernel, spec: FakeMapSpec, path: string): void {
  const there = kernel.pins.get(path);
  if (there === undefined || spec.pinned === false) return;
  const same =
    there instanceof MapObject &&
    (['type', 'keySize', 'valueSize', 'maxEntries'] as const).every((what) => there.spec[what] === spec[what]);
  if (!same)
    throw new FairleadError('FL_E_LOAD', `map ${spec.name} pinned at ${path} has another layout`, {
      hint: 'use another folder or remove it',
    });
}
