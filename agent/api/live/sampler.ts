// Reads the agent for all who look at the page: one reading a second while somebody looks, one in ten seconds else, for the history alone.
// Imports agent/control, agent/model and its siblings.
// Invariant: however many look, there is one reading at a time, and reading takes a tenth of one core at most.

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Agent } from '../../control/agent.js';
import type { RecentLog } from '../../control/recent-log.js';
import { ratesBetween, type StatsView } from '../../model/stats.js';
import type { StatusView } from '../../model/views.js';
import { API_VERSION, encodeError, toJson } from '../wire.js';
import { History } from './history.js';
import { type LiveMessage, type LiveStatus, liveServices, pointBetween, type Reading, reasonsBetween } from './sample.js';

/** Milliseconds between the beginnings of two readings. */
export interface Pace {
  readonly watched: number;
  readonly idle: number;
}

const PACE: Pace = { watched: 1000, idle: 10_000 };
/** Part of one core that readings take at most: flow tables that are full and large cost more, and are read more rarely. */
const MOST_SHARE = 0.1;
/** Backends that are written as text in one turn of the event loop. */
const PIECE = 500;
/** Two readings less than this apart, milliseconds, say little of a rate. */
const SHORTEST = 500;

/** What a viewer is sent: texts of JSON. */
export interface Frame {
  /** Everything, for who has missed something. */
  begin(): string;
  /** What has changed since the frame before. */
  readonly sample: string;
}

export interface Viewer {
  show(frame: Frame): void;
  /** The agent could not be read. `text`: JSON as of an error's answer. */
  fail(text: string): void;
}

export interface SamplerOptions {
  readonly version: string;
  readonly recent: RecentLog;
  readonly pace?: Pace;
}

export class Sampler {
  readonly #agent: Agent;
  readonly #options: SamplerOptions;
  readonly #pace: Pace;
  readonly #history = new History();
  readonly #viewers = new Set<Viewer>();
  /** Texts of the services as they were sent last, by id. */
  #texts: ReadonlyMap<number, string> = new Map();
  #before: Reading | undefined;
  #stats: StatsView | undefined;
  #latest: Frame | undefined;
  #told = 0;
  /** Of the last reading, milliseconds of processor time. */
  #cost = 0;
  #timer: NodeJS.Timeout | undefined;
  #running = false;
  #closed = false;

  constructor(agent: Agent, options: SamplerOptions) {
    this.#agent = agent;
    this.#options = options;
    this.#pace = options.pace ?? PACE;
    this.#wait(0);
  }

  /** From now on `viewer` is shown each frame; the first one at once when somebody looks already. Returns what ends that. */
  add(viewer: Viewer): () => void {
    this.#viewers.add(viewer);
    if (this.#latest !== undefined) viewer.show(this.#latest);
    else if (!this.#running) this.#wait(Math.max(0, SHORTEST - (secondsNow() - (this.#before?.at ?? 0)) * 1000));
    return () => {
      this.#viewers.delete(viewer);
      if (this.#viewers.size === 0) this.#forget();
    };
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#forget();
  }

  /** What is kept for viewers alone. */
  #forget(): void {
    this.#texts = new Map();
    this.#latest = undefined;
    this.#stats = undefined;
  }

  #wait(milliseconds: number): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    this.#timer = setTimeout(() => void this.#run(), milliseconds);
    this.#timer.unref();
  }

  async #run(): Promise<void> {
    this.#running = true;
    const began = performance.now();
    // Not the time that passed: on a busy machine that says nothing of what a reading costs.
    const spentBefore = process.cpuUsage();
    try {
      if (this.#viewers.size > 0) await this.#readAll();
      else this.#note({ status: await this.#agent.status(), at: secondsNow() });
    } catch (error) {
      this.#latest = undefined;
      for (const viewer of this.#viewers) viewer.fail(toJson({ error: encodeError(error) }));
    }
    const { user, system } = process.cpuUsage(spentBefore);
    this.#running = false;
    const interval = this.#viewers.size > 0 ? this.#pace.watched : this.#pace.idle;
    const cost = (user + system) / 1000;
    // The smaller of two: whatever else the agent did in one of them was spent by the same process.
    const usual = Math.min(cost, this.#cost);
    this.#cost = cost;
    this.#wait(Math.max(interval, Math.min(usual / MOST_SHARE, this.#pace.idle)) - (performance.now() - began));
  }

  /** For the history. Returns the reading before. */
  #note(reading: Reading): Reading | undefined {
    const before = this.#before;
    this.#before = reading;
    if (before !== undefined) this.#history.add(pointBetween(before, reading));
    return before;
  }

  async #readAll(): Promise<void> {
    // Asked for in one turn, so that both share one pass over the flow tables.
    const [status, services, stats] = await Promise.all([this.#agent.status(), this.#agent.listServices(), this.#agent.readStats()]);
    const reading: Reading = { status, at: secondsNow() };
    const before = this.#note(reading);
    const rates = this.#stats && ratesBetween(this.#stats, stats);
    const former = this.#texts;
    const texts = new Map<number, string>();
    const changed: string[] = [];
    let sinceTurn = 0;
    for (const service of liveServices(services, stats, rates)) {
      // Nothing in it is undefined, and there may be thousands.
      const text = JSON.stringify(service);
      if (former.get(service.id) !== text) changed.push(text);
      texts.set(service.id, text);
      sinceTurn += service.backends.length + 1;
      if (sinceTurn < PIECE) continue;
      sinceTurn = 0;
      await nextTurn();
    }
    if (this.#viewers.size === 0 || this.#closed) return this.#forget();
    const removed = [...former.keys()].filter((id) => !texts.has(id));
    this.#texts = texts;
    this.#stats = stats;
    this.#latest = this.#frameOf(reading, before, changed, removed);
    for (const viewer of this.#viewers) viewer.show(this.#latest);
  }

  #frameOf(reading: Reading, before: Reading | undefined, changed: readonly string[], removed: readonly number[]): Frame {
    const { recent, version } = this.#options;
    const told = this.#told;
    this.#told = recent.last;
    const common: Omit<LiveMessage, 'events' | 'services'> = {
      version: API_VERSION,
      at: reading.at,
      status: viewStatus(reading.status, version),
      reasons: reasonsBetween(before, reading),
      point: this.#history.points.at(-1) ?? null,
    };
    const last = this.#told;
    let begin: string | undefined;
    return {
      sample: withServices({ ...common, events: recent.after(told), removed }, changed),
      begin: () => {
        // Of this very moment: what came after it is in the next frame.
        const events = recent.after(0).filter(({ number }) => number <= last);
        begin ??= withServices({ ...common, events, history: this.#history.points }, [...this.#texts.values()]);
        return begin;
      },
    };
  }
}

/** The services stand in it as the texts that they are already. */
function withServices(rest: Omit<LiveMessage, 'services'>, services: readonly string[]): string {
  return `${toJson(rest).slice(0, -1)},"services":[${services.join(',')}]}`;
}

/** By the clock of StatsView.at. */
function secondsNow(): number {
  return (performance.timeOrigin + performance.now()) / 1000;
}

function viewStatus({ counters: _counters, flows: _flows, snatRange: _range, ...status }: StatusView, version: string): LiveStatus {
  return { ...status, version, uptime: Math.floor(process.uptime()) };
}
