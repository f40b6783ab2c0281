// A program on a device: creating, replacing, removing pinned XDP links.
// May import platform/port, agent/model/errors and its siblings.
// Invariant: a link that could not be pinned is closed, which detaches: a failed attach leaves nothing behind.

import { rmSync } from 'node:fs';
import { FairleadError } from '../../agent/model/errors.js';
import type { AttachedProgram, BpfLink, BpfProgram } from '../port.js';
import { Descriptor } from '../shared/descriptor.js';
import type { Context } from './context.js';
import { ERRNO, systemError } from './errno.js';
import { readLinkInfo, readObjectKind } from './info.js';
import { callAsync } from '../shared/libbpf-calls.js';
import { pinObject } from './pins.js';
import { LinuxProgram } from './program.js';

const BPF_XDP = 37; // enum bpf_attach_type
const XDP_FLAGS = { generic: 1 << 1, native: 1 << 2 } as const;

export class LinuxLink implements BpfLink {
  readonly id: number;
  readonly #context: Context;
  readonly #descriptor: Descriptor;
  readonly #path: string;

  /** Takes ownership of the descriptor of a link that is pinned at `path`. */
  constructor(context: Context, descriptor: Descriptor, path: string) {
    this.#context = context;
    this.#descriptor = descriptor;
    this.#path = path;
    this.id = readLinkInfo(context, descriptor.fd).id;
  }

  get ifindex(): number {
    return readLinkInfo(this.#context, this.#descriptor.fd).ifindex;
  }

  get programId(): number {
    return readLinkInfo(this.#context, this.#descriptor.fd).programId;
  }

  async replaceProgram(program: BpfProgram): Promise<void> {
    const result = await callAsync(this.#context.bpf.bpf_link_update, this.#descriptor.fd, requireLinuxProgram(program).fd, null);
    if (result < 0) {
      const what = `cannot replace program ${this.programId} of link ${this.#path} by ${program.name}`;
      throw systemError('FL_E_ATTACH', what, result, 'the old program is still attached; is the device still there?');
    }
  }

  pinAgain(): void {
    pinObject(this.#context, this.#descriptor.fd, `link ${this.id}`, this.#path);
  }

  remove(): void {
    rmSync(this.#path, { force: true });
    // Detaches at once, even when another process holds the link. It may be detached already: its device is gone.
    this.#context.bpf.bpf_link_detach(this.#descriptor.fd);
    this.#descriptor.close();
  }

  close(): void {
    this.#descriptor.close();
  }
}

function requireLinuxProgram(program: BpfProgram): LinuxProgram {
  if (program instanceof LinuxProgram) return program;
  throw new FairleadError('FL_E_ATTACH', `program ${program.name} does not come from this platform`);
}

/**
 * Attaches and pins. `attached` tells what is on the device already, for the error.
 * Throws FL_E_FOREIGN_PROGRAM, FL_E_UNSUPPORTED (the driver has no native XDP), FL_E_NOT_FOUND, FL_E_ATTACH, FL_E_PERMISSION.
 */
export async function createLink(
  context: Context,
  program: BpfProgram,
  ifindex: number,
  mode: 'native' | 'generic',
  pinPath: string,
  attached: () => AttachedProgram | undefined,
): Promise<LinuxLink> {
  const opts = Buffer.alloc(64); // struct bpf_link_create_opts
  opts.writeBigUInt64LE(64n, 0);
  opts.writeUInt32LE(XDP_FLAGS[mode], 8);
  const fd = await callAsync(context.bpf.bpf_link_create, requireLinuxProgram(program).fd, ifindex, BPF_XDP, opts);
  if (fd < 0) throw attachFailure(program, ifindex, mode, -fd, attached());
  const descriptor = new Descriptor(context, fd, `link of device ${ifindex}`);
  const result = context.bpf.bpf_obj_pin(fd, pinPath);
  if (result < 0) {
    descriptor.close();
    const hint =
      result === -ERRNO.EEXIST ? 'another link is pinned there: open or remove it first' : 'is the folder there, on the BPF file system?';
    throw systemError('FL_E_ATTACH', `cannot pin the link of device ${ifindex} at ${pinPath}`, result, hint);
  }
  return new LinuxLink(context, descriptor, pinPath);
}

function attachFailure(
  program: BpfProgram,
  ifindex: number,
  mode: string,
  errno: number,
  there: AttachedProgram | undefined,
): FairleadError {
  const what = `cannot attach ${program.name} to device ${ifindex} in ${mode} mode`;
  if (there !== undefined && (errno === ERRNO.EBUSY || errno === ERRNO.EEXIST)) {
    const which = `program ${there.programId} (${there.programName}, ${there.mode})`;
    return new FairleadError('FL_E_FOREIGN_PROGRAM', `${what}: ${which} is attached`, {
      errno,
      hint: `see "bpftool prog show id ${there.programId}"; detach it ("ip link set dev DEVICE xdp off") or choose another device`,
    });
  }
  if (errno === ERRNO.EOPNOTSUPP || errno === ERRNO.ENOTSUPP) {
    return systemError(
      'FL_E_UNSUPPORTED',
      `${what}: its driver cannot`,
      errno,
      mode === 'native' ? 'use generic mode on this device' : undefined,
    );
  }
  if (errno === ERRNO.ENODEV) return systemError('FL_E_NOT_FOUND', what, errno, 'name a device that exists');
  const hint =
    mode === 'native'
      ? 'the driver may want a smaller MTU or fewer offloads for native XDP; try generic mode'
      : 'is there a device with this index?';
  return systemError('FL_E_ATTACH', what, errno, hint);
}

/** The link pinned at `path`; undefined when there is none. Throws FL_E_LOAD when something else is pinned there. */
export function openLink(context: Context, path: string): LinuxLink | undefined {
  const fd = context.bpf.bpf_obj_get(path);
  if (fd === -ERRNO.ENOENT) return undefined;
  if (fd < 0) throw systemError('FL_E_LOAD', `cannot open the pin ${path}`, fd);
  const descriptor = new Descriptor(context, fd, `link ${path}`);
  if (readObjectKind(fd) === 'link') return new LinuxLink(context, descriptor, path);
  descriptor.close();
  throw new FairleadError('FL_E_LOAD', `what is pinned at ${path} is not a link`, { hint: 'remove the pin' });
}
