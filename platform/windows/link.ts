// A program on a device: attaching, replacing, removing, with a pin that keeps the attachment's link.
// May import platform/port, agent/model/errors and its siblings.
// Invariant: an attachment that could not be pinned is taken off again: a failed attach leaves nothing behind.

import { FairleadError } from '../../agent/model/errors.js';
import { callAsync } from '../shared/libbpf-calls.js';
import type { AttachedProgram, BpfLink, BpfProgram } from '../port.js';
import { Descriptor } from '../shared/descriptor.js';
import { type Context, opened } from './context.js';
import { ERRNO, systemError } from './errno.js';
import { readLinkInfo, readObjectKind, readProgramInfo } from './info.js';
import { pinObject, unpin } from './pins.js';
import { WindowsProgram } from './program.js';

const XDP_FLAGS_REPLACE = 1;

export class WindowsLink implements BpfLink {
  readonly #context: Context;
  readonly #path: string;
  #descriptor: Descriptor;
  #id: number;

  /** Takes ownership of the descriptor of a link that is pinned at `path`. */
  constructor(context: Context, descriptor: Descriptor, path: string) {
    this.#context = context;
    this.#descriptor = descriptor;
    this.#path = path;
    this.#id = readLinkInfo(context, descriptor.fd).id;
  }

  get id(): number {
    return this.#id;
  }

  get ifindex(): number {
    return readLinkInfo(this.#context, this.#descriptor.fd).ifindex;
  }

  get programId(): number {
    return readLinkInfo(this.#context, this.#descriptor.fd).programId;
  }

  /** The old program is taken off and the new one put on; frames between the two pass. Where the new one is refused, the old one is put on again. */
  async replaceProgram(program: BpfProgram): Promise<void> {
    const { ifindex, programId } = readLinkInfo(this.#context, this.#descriptor.fd);
    if (ifindex === 0) {
      throw new FairleadError(
        'FL_E_ATTACH',
        `cannot replace the program of link ${this.#path} by ${program.name}: it is attached no more`,
        {
          hint: 'is the device still there?',
        },
      );
    }
    const old = opened(this.#context, this.#context.api.bpf_prog_get_fd_by_id(programId), `program ${programId}`);
    try {
      const { fd } = requireWindowsProgram(program);
      const result = await callAsync(this.#context.api.bpf_xdp_attach, ifindex, fd, XDP_FLAGS_REPLACE, null);
      if (result < 0) {
        await callAsync(this.#context.api.bpf_xdp_attach, ifindex, old.fd, XDP_FLAGS_REPLACE, null);
        this.#takeLink(ifindex);
        const what = `cannot replace program ${programId} of link ${this.#path} by ${program.name}`;
        throw systemError('FL_E_ATTACH', what, result, 'the old program is attached again; is the device still there?');
      }
      this.#takeLink(ifindex);
    } finally {
      old.close();
    }
  }

  pinAgain(): void {
    pinObject(this.#context, this.#descriptor.fd, `link ${this.id}`, this.#path);
  }

  remove(): void {
    unpin(this.#context, this.#path);
    // It may be detached already: its device is gone.
    this.#context.api.bpf_link_detach(this.#descriptor.fd);
    this.#descriptor.close();
  }

  close(): void {
    this.#descriptor.close();
  }

  /** Replacing makes another link: this one is it from now on, at the same pin. */
  #takeLink(ifindex: number): void {
    const fresh = findLink(this.#context, ifindex);
    if (fresh === undefined) return;
    unpin(this.#context, this.#path);
    this.#descriptor.close();
    this.#descriptor = fresh;
    this.#id = readLinkInfo(this.#context, fresh.fd).id;
    this.pinAgain();
  }
}

function requireWindowsProgram(program: BpfProgram): WindowsProgram {
  if (program instanceof WindowsProgram) return program;
  throw new FairleadError('FL_E_ATTACH', `program ${program.name} does not come from this platform`);
}

/** The link that is on the device. */
function findLink(context: Context, ifindex: number): Descriptor | undefined {
  const next = Buffer.alloc(4);
  for (let start = 0; context.api.bpf_link_get_next_id(start, next) === 0; ) {
    start = next.readUInt32LE();
    const fd = context.api.bpf_link_get_fd_by_id(start);
    if (fd < 0) continue;
    if (readLinkInfo(context, fd).ifindex === ifindex) return new Descriptor(context, fd, `link ${start}`);
    context.api.ebpf_close_fd(fd);
  }
  return undefined;
}

/** Attaches and pins. Throws FL_E_FOREIGN_PROGRAM, FL_E_UNSUPPORTED (a mode cannot be chosen), FL_E_ATTACH, FL_E_PERMISSION. */
export async function createLink(
  context: Context,
  program: BpfProgram,
  ifindex: number,
  mode: 'native' | 'generic',
  pinPath: string,
): Promise<WindowsLink> {
  const what = `cannot attach ${program.name} to device ${ifindex}`;
  if (mode === 'generic') {
    throw new FairleadError('FL_E_UNSUPPORTED', `${what} in generic mode: XDP for Windows chooses the mode itself`, {
      hint: 'start without --xdp-mode=generic; the value XdpEbpfMode in the registry holds programs to it',
    });
  }
  const there = readAttached(context, ifindex);
  if (there !== undefined) {
    throw new FairleadError('FL_E_FOREIGN_PROGRAM', `${what}: program ${there.programId} (${there.programName}) is attached`, {
      hint: '`netsh ebpf show links` tells whose it is; `netsh ebpf delete program ID` takes it off',
    });
  }
  const result = await callAsync(context.api.bpf_xdp_attach, ifindex, requireWindowsProgram(program).fd, 0, null);
  const hint = 'is there a device with this index, and is XDP for Windows on it? `fairlead doctor` looks';
  if (result < 0) throw systemError('FL_E_ATTACH', what, result, hint);
  const descriptor = findLink(context, ifindex);
  if (descriptor === undefined) throw new FairleadError('FL_E_ATTACH', `${what}: its link is not to be found`);
  try {
    pinObject(context, descriptor.fd, `the link of device ${ifindex}`, pinPath);
  } catch (error) {
    context.api.bpf_link_detach(descriptor.fd);
    descriptor.close();
    throw error instanceof FairleadError && error.code === 'FL_E_LOAD'
      ? new FairleadError('FL_E_ATTACH', error.message, { cause: error, ...(error.hint === undefined ? {} : { hint: error.hint }) })
      : error;
  }
  return new WindowsLink(context, descriptor, pinPath);
}

/** What is attached to the device, whoever did it. */
export function readAttached(context: Context, ifindex: number): AttachedProgram | undefined {
  const id = Buffer.alloc(4);
  const result = context.api.bpf_xdp_query_id(ifindex, 0, id);
  const programId = id.readUInt32LE();
  // Whatever is wrong with the question: a device that is not there has no program.
  if (result < 0 || programId === 0) return undefined;
  const fd = context.api.bpf_prog_get_fd_by_id(programId);
  if (fd < 0) return { programId, programName: '', mode: 'native' };
  try {
    return { programId, programName: readProgramInfo(context, fd).name, mode: 'native' };
  } finally {
    context.api.ebpf_close_fd(fd);
  }
}

/** The link pinned at `path`; undefined when there is none. Throws FL_E_LOAD when something else is pinned there. */
export function openLink(context: Context, path: string): WindowsLink | undefined {
  const fd = context.api.bpf_obj_get(path);
  if (fd === -ERRNO.ENOENT) return undefined;
  const descriptor = opened(context, fd, `the pin ${path}`);
  if (readObjectKind(context, descriptor.fd) === 'link') return new WindowsLink(context, descriptor, path);
  descriptor.close();
  throw new FairleadError('FL_E_LOAD', `what is pinned at ${path} is not a link`, { hint: 'remove the pin' });
}
