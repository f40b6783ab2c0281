// A platform's handle of a link of the fake kernel.
// May import platform/port, agent/model/errors and its siblings.
// Invariant: a device has one program at most.

import { FairleadError } from '../../agent/model/errors.js';
import type { BpfLink, BpfProgram } from '../port.js';
import type { FakeKernel } from './kernel.js';
import type { LinkObject } from './objects.js';
import { pinObject } from './pins.js';
import { FakeProgram } from './program.js';

export class FakeLink implements BpfLink {
  readonly id: number;
  readonly #kernel: FakeKernel;
  readonly #object: LinkObject;
  readonly #path: string;
  #open = true;

  constructor(kernel: FakeKernel, object: LinkObject, path: string) {
    this.#kernel = kernel;
    this.#object = object;
    this.#path = path;
    this.id = object.id;
    object.handles++;
  }

  get ifindex(): number {
    return this.#object.ifindex;
  }

  get programId(): number {
    return this.#object.program.id;
  }

  async replaceProgram(program: BpfProgram): Promise<void> {
    this.#kernel.checkFault('replace');
    if (this.#object.ifindex === 0)
      throw new FairleadError('FL_E_ATTACH', `cannot replace the program of link ${this.#path}: its device is gone`);
    this.#object.program = requireFakeProgram(program).object;
    this.#kernel.collect();
  }

  pinAgain(): void {
    this.#kernel.checkFault('pin');
    pinObject(this.#kernel, this.#path, this.#object);
  }

  remove(): void {
    this.#kernel.pins.delete(this.#path);
    this.#object.ifindex = 0;
    this.close();
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#object.handles--;
    this.#kernel.collect();
  }
}

function requireFakeProgram(program: BpfProgram): FakeProgram {
  if (program instanceof FakeProgram) return program;
  throw new FairleadError('FL_E_ATTACH', `program ${program.name} does not come from this platform`);
}

/** Throws FL_E_NOT_FOUND, FL_E_FOREIGN_PROGRAM, FL_E_UNSUPPORTED, FL_E_ATTACH. */
export function createFakeLink(kernel: FakeKernel, program: BpfProgram, ifindex: number, mode: LinkObject['mode'], path: string): FakeLink {
  kernel.checkFault('attach');
  const { object } = requireFakeProgram(program);
  const what = `cannot attach ${program.name} to device ${ifindex} in ${mode} mode`;
  const device = kernel.net.interfaces.find((candidate) => candidate.index === ifindex);
  if (device === undefined) throw new FairleadError('FL_E_ATTACH', `${what}: no such device`);
  const there = [...kernel.links.values()].find((link) => link.ifindex === ifindex);
  if (there !== undefined) {
    throw new FairleadError(
      'FL_E_FOREIGN_PROGRAM',
      `${what}: program ${there.program.id} (${there.program.name}, ${there.mode}) is attached`,
    );
  }
  if (mode === 'native' && device.nativeXdp === false) throw new FairleadError('FL_E_UNSUPPORTED', `${what}: its driver cannot`);
  const link = kernel.addLink(object, ifindex, mode);
  try {
    pinObject(kernel, path, link);
  } catch (error) {
    kernel.links.delete(link.id);
    throw new FairleadError('FL_E_ATTACH', `cannot pin the link of device ${ifindex} at ${path}`, { cause: error });
  }
  return new FakeLink(kernel, link, path);
}
