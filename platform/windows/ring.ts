// The reader of a ring buffer map, over the library's ring_buffer.
// May import koffi, platform/port, agent/model/errors and its siblings.
// Invariant: no thread waits; a timer asks the ring while somebody waits in readable(), and only then. What it took meanwhile is given out first.

import koffi from 'koffi';
import { FairleadError } from '../../agent/model/errors.js';
import type { RingPtr, SamplePtr } from '../shared/libbpf-calls.js';
import type { BpfMap, Ring } from '../port.js';
import type { Descriptor } from '../shared/descriptor.js';
import { type Context, opened } from './context.js';
import { systemError } from './errno.js';
import { WindowsMap } from './map.js';

/** What a sample callback returns to go on, and to end the call after this record. */
const GO_ON = 0;
const ENOUGH = -1;
/** How often a ring that somebody waits for is asked: there is nothing to wait on that an event loop could watch. */
const ASK_MILLISECONDS = 25;

/** Throws FL_E_MAP for a map that is no ring buffer of this adapter. */
export function openRing(context: Context, map: BpfMap): Ring {
  if (!(map instanceof WindowsMap) || map.type !== 'ringbuf')
    throw new FairleadError('FL_E_MAP', `map ${map.name} (${map.type}) is no ring buffer`);
  return new WindowsRing(context, map);
}

class WindowsRing implements Ring {
  readonly #context: Context;
  /** The library goes on using the map's descriptor, so it has one of its own. */
  readonly #descriptor: Descriptor;
  readonly #sample: SamplePtr;
  #ring: RingPtr | undefined;
  #taken: Buffer[] = [];
  #limit = 0;
  #waiting: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(context: Context, map: WindowsMap) {
    this.#context = context;
    const what = `map ${map.name}`;
    this.#descriptor = opened(context, context.api.bpf_map_get_fd_by_id(map.id), what);
    this.#sample = koffi.register(this.#take, sampleType()) as SamplePtr;
    const ring = context.api.ring_buffer__new(this.#descriptor.fd, this.#sample, null, null);
    if (ring === null) {
      koffi.unregister(this.#sample);
      this.#descriptor.close();
      throw systemError('FL_E_MAP', `cannot read ${what}`, context.api.libbpf_get_error(null));
    }
    this.#ring = ring;
  }

  take(limit: number): readonly Buffer[] {
    if (this.#ring === undefined || limit < 1) return [];
    if (this.#taken.length < limit) this.#consume(limit);
    return this.#taken.splice(0, limit);
  }

  readable(): Promise<void> {
    if (this.#ring === undefined || this.#taken.length > 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting = resolve;
      this.#ask();
    });
  }

  close(): void {
    if (this.#ring === undefined) return;
    clearTimeout(this.#timer);
    this.#context.api.ring_buffer__free(this.#ring);
    this.#ring = undefined;
    koffi.unregister(this.#sample);
    this.#descriptor.close();
    this.#wakeUp();
  }

  readonly #ask = (): void => {
    try {
      this.#consume(1);
    } catch {
      // Whoever takes hears of it.
      this.#wakeUp();
      return;
    }
    if (this.#taken.length > 0) this.#wakeUp();
    else this.#timer = setTimeout(this.#ask, ASK_MILLISECONDS);
  };

  /** Takes records until there are `limit`, or none is left. */
  #consume(limit: number): void {
    this.#limit = limit;
    const result = this.#context.api.ring_buffer__consume(this.#ring as RingPtr);
    if (result < 0 && this.#taken.length < limit) throw systemError('FL_E_MAP', 'cannot read the ring buffer', result);
  }

  /** The library calls this during ring_buffer__consume, on this thread. The record is the ring's memory until it returns. */
  readonly #take = (_context: bigint | null, data: bigint, size: bigint | number): number => {
    this.#taken.push(Buffer.from(Buffer.from(koffi.view(data, Number(size)))));
    return this.#taken.length < this.#limit ? GO_ON : ENOUGH;
  };

  #wakeUp(): void {
    this.#waiting?.();
    this.#waiting = undefined;
  }
}

let type: ReturnType<typeof koffi.pointer> | undefined;

/** ring_buffer_sample_fn. Declared once: koffi does not take a name twice. */
function sampleType(): ReturnType<typeof koffi.pointer> {
  type ??= koffi.pointer(koffi.proto('int', ['void *', 'void *', 'size_t']));
  return type;
}
