// Those who look at the page: a stream of server-sent events to each (https://html.spec.whatwg.org/multipage/server-sent-events.html).
// Imports agent/model and its siblings.
// Invariant: their number is bounded, and so is what is kept for each: one message. Who takes nothing for a while is sent away.

import type { ServerResponse } from 'node:http';
import { FairleadError } from '../../model/errors.js';
import type { Frame, Sampler } from './sampler.js';

export interface ViewerLimits {
  readonly most: number;
  /** Milliseconds in which a viewer has to take what it was sent. */
  readonly patience: number;
  /** Milliseconds between two comments that keep the stream alive on its way. */
  readonly heartbeat: number;
}

const LIMITS: ViewerLimits = { most: 32, patience: 10_000, heartbeat: 15_000 };
/** Milliseconds after which a browser asks again when the stream was cut. */
const RETRY = 1000;

interface Stream {
  readonly response: ServerResponse;
  leave: () => void;
  /** It has missed a frame, or had none yet: the next one has to be whole. */
  behind: boolean;
  /** When it last had taken everything, milliseconds of performance.now(). */
  tookAll: number;
  /** When it was sent something last. */
  sent: number;
}

export class Viewers {
  readonly #sampler: Pick<Sampler, 'add'>;
  readonly #limits: ViewerLimits;
  readonly #streams = new Set<Stream>();
  readonly #heart: NodeJS.Timeout;

  constructor(sampler: Pick<Sampler, 'add'>, limits: Partial<ViewerLimits> = {}) {
    this.#sampler = sampler;
    this.#limits = { ...LIMITS, ...limits };
    this.#heart = setInterval(() => this.#beat(), this.#limits.heartbeat);
    this.#heart.unref();
  }

  get count(): number {
    return this.#streams.size;
  }

  /** Throws FL_E_LIMIT when there are as many as there may be. */
  requireRoom(): void {
    if (this.#streams.size < this.#limits.most) return;
    throw new FairleadError('FL_E_LIMIT', `${this.#limits.most} pages are being served already`, { hint: 'close one of them' });
  }

  /** Its head has been written; from now on the stream is this object's. */
  add(response: ServerResponse): void {
    const now = performance.now();
    const stream: Stream = { response, leave: () => {}, behind: true, tookAll: now, sent: now };
    this.#streams.add(stream);
    response.on('close', () => this.#remove(stream));
    // What the reader does with its end of the connection is no concern of the agent's.
    response.on('error', () => this.#remove(stream));
    stream.leave = this.#sampler.add({
      show: (frame) => this.#show(stream, frame),
      fail: (text) => this.#send(stream, `event: trouble\ndata: ${text}\n\n`),
    });
  }

  /** Ends all streams. */
  close(): void {
    clearInterval(this.#heart);
    for (const stream of this.#streams) {
      this.#remove(stream);
      stream.response.end();
    }
  }

  #remove(stream: Stream): void {
    this.#streams.delete(stream);
    stream.leave();
  }

  #show(stream: Stream, frame: Frame): void {
    const text = stream.behind ? `retry: ${RETRY}\nevent: begin\ndata: ${frame.begin()}\n\n` : `event: sample\ndata: ${frame.sample}\n\n`;
    stream.behind = !this.#send(stream, text);
  }

  #beat(): void {
    const since = performance.now() - this.#limits.heartbeat;
    for (const stream of this.#streams) if (stream.sent <= since) this.#send(stream, ': alive\n\n');
  }

  /** Whether it was sent: not while a former message waits to be taken. */
  #send(stream: Stream, text: string): boolean {
    const { response } = stream;
    const now = performance.now();
    if (response.writableLength === 0) {
      stream.tookAll = now;
      stream.sent = now;
      response.write(text);
      return true;
    }
    if (now - stream.tookAll > this.#limits.patience) response.destroy();
    return false;
  }
}
