// Pins: names that keep maps, programs and links alive. There is no file system behind them; a folder is what several names begin with.
// May import agent/model/errors and its siblings.
// Invariant: only what is below the given path is removed.

import { FairleadError } from '../../agent/model/errors.js';
import type { Context } from './context.js';
import { ERRNO, systemError } from './errno.js';

/** `/ebpf/global/x`, `/sys/fs/bpf/x` and `BPF:\x` are one name; the library answers with the last form. */
export const PIN_ROOT = '/ebpf/global';

const NOT_FOUND = 7; // EBPF_OBJECT_NOT_FOUND
const LONGEST_PATH = 1024;

/** The name without its root, parts divided by '/': 'fairlead/default/ct4'. */
export function pinName(path: string): string {
  return path
    .replaceAll('\\', '/')
    .replace(/^BPF:\//i, '')
    .replace(/^\/(ebpf\/global|sys\/fs\/bpf)\//, '');
}

/** Throws FL_E_LOAD for a path that is none of a pin. There are no folders to make: one is there as soon as something is pinned in it. */
export function requirePinPath(path: string): void {
  if (/^(BPF:[\\/]|\/(ebpf\/global|sys\/fs\/bpf)\/)/i.test(path)) return;
  throw new FairleadError('FL_E_LOAD', `${path} is no path of a pin`, { hint: `use one below ${PIN_ROOT}` });
}

/** All names that are pinned, without their root. */
function* allPins({ api }: Context): Generator<string> {
  const next = Buffer.alloc(LONGEST_PATH);
  const type = Buffer.alloc(4);
  for (let start = ''; ; ) {
    // It tells the kind of what it found here, and takes it for the kind that is looked for: 0 is any.
    type.writeUInt32LE(0);
    if (api.ebpf_get_next_pinned_object_path(start, next, next.length, type) !== 0) return;
    start = next.toString('utf8', 0, next.indexOf(0));
    yield pinName(start);
  }
}

/** What stands directly below the folder, sorted. */
export function listPins(context: Context, directory: string): readonly string[] {
  const prefix = `${pinName(directory)}/`;
  const names = new Set<string>();
  for (const name of allPins(context)) {
    if (name.startsWith(prefix)) names.add(name.slice(prefix.length).split('/')[0] as string);
  }
  return [...names].sort();
}

/** Throws FL_E_LOAD, FL_E_PERMISSION. */
export function pinObject({ api }: Context, fd: number, what: string, path: string): void {
  const result = api.bpf_obj_pin(fd, path);
  if (result < 0) {
    const hint = result === -ERRNO.EEXIST ? 'remove what is pinned there first' : undefined;
    throw systemError('FL_E_LOAD', `cannot pin ${what} at ${path}`, result, hint);
  }
}

/** Removes the pin, and all whose names begin with it as a folder. Throws FL_E_LOAD. */
export function removePins(context: Context, path: string): void {
  requirePinPath(path);
  const own = pinName(path);
  const names = [...allPins(context)].filter((name) => name === own || name.startsWith(`${own}/`));
  for (const name of names) unpin(context, `${PIN_ROOT}/${name}`);
}

/** Nothing when absent. Throws FL_E_LOAD. */
export function unpin({ api }: Context, path: string): void {
  const result = api.ebpf_object_unpin(path);
  if (result !== 0 && result !== NOT_FOUND) throw systemError('FL_E_LOAD', `cannot remove the pin ${path}`, ERRNO.EOTHER);
}
