// What the page knows: the agent's messages put together.
// Imports nothing but types; touches no document, so a test can feed it.
// Invariant: after `begin` it is what the agent said, whatever was before; points of time stand in their order, each once.

/** @typedef {import('../live/sample.js').LiveMessage} LiveMessage */
/** @typedef {import('../live/sample.js').LiveService} LiveService */
/** @typedef {import('../live/sample.js').LiveBackend} LiveBackend */
/** @typedef {import('../live/sample.js').Point} Point */
/** @typedef {import('../../control/recent-log.js').LogEntry} LogEntry */

/** Seconds of history that are shown at most. */
const HISTORY = 600;
const MOST_EVENTS = 100;

export class LiveState {
  /** @type {LiveMessage | undefined} */
  message;
  /** By id. @type {Map<number, LiveService>} */
  services = new Map();
  /** @type {Point[]} */
  points = [];
  /** The newest last. @type {LogEntry[]} */
  events = [];

  /** All of it. @param {LiveMessage} message */
  begin(message) {
    this.services.clear();
    this.events = [];
    // An agent that was started again knows nothing of what this page has seen before.
    const history = message.history ?? [];
    const oldest = history[0]?.at ?? message.at;
    this.points = [...this.points.filter(({ at }) => at < oldest), ...history];
    this.sample(message);
  }

  /** What has changed. @param {LiveMessage} message */
  sample(message) {
    this.message = message;
    for (const id of message.removed ?? []) this.services.delete(id);
    for (const service of message.services) this.services.set(service.id, service);
    const { point } = message;
    if (point !== null && point.at > (this.points.at(-1)?.at ?? 0)) this.points.push(point);
    this.points = this.points.filter(({ at }) => at > message.at - HISTORY);
    const last = this.events.at(-1)?.number ?? 0;
    this.events = [...this.events, ...message.events.filter(({ number }) => number > last)].slice(-MOST_EVENTS);
  }

  /**
   * Services in which every word is found (its id, frontend, mode, a backend's address, state or trouble), by their ids.
   * @param {string} filter
   * @returns {LiveService[]}
   */
  select(filter) {
    const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = [...this.services.values()].filter((service) => words.length === 0 || matches(service, words));
    return chosen.sort((a, b) => a.id - b.id);
  }

  /** All backends, and those that take new flows. */
  countBackends() {
    let all = 0;
    let ready = 0;
    for (const { backends } of this.services.values()) {
      all += backends.length;
      for (const backend of backends) if (backend.ready) ready += 1;
    }
    return { all, ready };
  }
}

/** @param {LiveService} service @param {readonly string[]} words */
function matches({ id, frontend, mode, backends }, words) {
  const parts = backends.flatMap((one) => [one.backend, one.state, one.health ?? '', one.ready ? 'ready' : 'not-ready', one.trouble ?? '']);
  const text = [id, frontend, mode, ...parts].join(' ').toLowerCase();
  return words.every((word) => text.includes(word));
}
