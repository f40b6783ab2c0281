// The reader of a ring buffer map, over libbpf's ring_buffer.
// May import koffi, platform/port, agent/model/errors and its siblings.
// Invariant: no thread waits and no timer runs: the event loop polls the ring while somebody waits in readable(), and only then.

import koffi from 'koffi';
import { FairleadError } from '../../agent/model/errors.js';
import type { BpfMap, Ring } from '../port.js';
import type { Descriptor } from '../shared/descriptor.js';
import { type Context, duplicate } from './context.js';
import { systemError } from './errno.js';
import type { RingPtr, SamplePtr } from '../shared/libbpf-calls.js';
import { LinuxMap } from './map.js';

/** What a sample callback returns to go on, and to end the call after this record. */
const GO_ON = 0;
const ENOUGH = -1;

type Poll = ReturnType<typeof koffi.node.poll>;

/** koffi closes a poll handle that nobody refers to; a wait has to last until a record comes. */
const open = new Set<LinuxRing>();

/** Throws FL_E_MAP for a map that is no ring buffer of this adapter. */
export function openRing(context: Context, map: BpfMap): Ring {
  if (!(map instanceof LinuxMap) || map.type !== 'ringbuf') {
    throw new FairleadError('FL_E_MAP', `map ${map.name} (${map.type}) is no ring buffer`);
  }
  const ring = new LinuxRing(context, map);
  open.add(ring);
  return ring;
}

class LinuxRing implements Ring {
  readonly #context: Context;
  /** libbpf goes on using the map's descriptor, so it has one of its own. */
  readonly #descriptor: Descriptor;
  readonly #sample: SamplePtr;
  readonly #poll: Poll;
  #ring: RingPtr | undefined;
  #taken: Buffer[] = [];
  #limit = 0;
  #wake: (() => void) | undefined;

  constructor(context: Context, map: LinuxMap) {
    this.#context = context;
    this.#descriptor = duplicate(context, map.fd, `map ${map.name}`);
    this.#sample = koffi.register(this.#take, sampleType()) as SamplePtr;
    const ring = context.bpf.ring_buffer__new(this.#descriptor.fd, this.#sample, null, null);
    if (ring === null) {
      koffi.unregister(this.#sample);
      this.#descriptor.close();
      throw systemError('FL_E_MAP', `cannot read map ${map.name}`, context.bpf.libbpf_get_error(null));
    }
    this.#ring = ring;
    this.#poll = koffi.node.poll(context.bpf.ring_buffer__epoll_fd(ring), { readable: true }, this.#onReadable);
    this.#poll.stop();
  }

  take(limit: number): readonly Buffer[] {
    if (this.#ring === undefined || limit < 1) return [];
    this.#limit = limit;
    this.#taken = [];
    const result = this.#context.bpf.ring_buffer__consume(this.#ring);
    const taken = this.#taken;
    this.#taken = [];
    if (result < 0 && taken.length < limit) throw systemError('FL_E_MAP', 'cannot read the ring buffer', result);
    return taken;
  }

  readable(): Promise<void> {
    if (this.#ring === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.#poll.start({ readable: true }, this.#onReadable);
    });
  }

  close(): void {
    if (this.#ring === undefined) return;
    open.delete(this);
    this.#poll.close();
    this.#context.bpf.ring_buffer__free(this.#ring);
    this.#ring = undefined;
    koffi.unregister(this.#sample);
    this.#descriptor.close();
    this.#wakeUp();
  }

  /** libbpf calls this during ring_buffer__consume, on this thread. The record is the ring's memory until it returns. */
  readonly #take = (_context: bigint | null, data: bigint, size: bigint | number): number => {
    const record = Buffer.allocUnsafe(Number(size));
    this.#context.libc.memcpy(record, data, record.length);
    this.#taken.push(record);
    return this.#taken.length < this.#limit ? GO_ON : ENOUGH;
  };

  /** koffi calls this from libuv, where promises would wait: the rest is done in a turn of its own. */
  readonly #onReadable = (): void => {
    this.#poll.stop();
    setImmediate(() => this.#wakeUp());
  };

  #wakeUp(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}

let type: ReturnType<typeof koffi.pointer> | undefined;

/** ring_buffer_sample_fn. Declared once: koffi does not take a name twice. */
function sampleType(): ReturnType<typeof koffi.pointer> {
  type ??= koffi.pointer(koffi.proto('int', ['void *', 'void *', 'size_t']));
  return type;
}
