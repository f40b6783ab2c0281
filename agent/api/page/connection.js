// The stream of the agent's messages, opened again whenever it ends.
// Imports nothing but types.
// Invariant: one stream at a time; none while nobody looks, so that the agent need not read for a page in the background.

/** @typedef {import('../live/sample.js').LiveMessage} LiveMessage */

/** Milliseconds until the next try where the browser does not try by itself. */
const RETRY = 2000;
/** Milliseconds in the background after which the stream is closed. */
const PATIENCE = 30_000;
/** Milliseconds without a message after which the stream is taken for dead. */
const SILENCE = 20_000;

/**
 * @typedef {object} Listener
 * @property {(message: LiveMessage) => void} begin
 * @property {(message: LiveMessage) => void} sample
 * @property {(state: 'live' | 'lost' | 'trouble', why?: string) => void} state
 */

/** Opens the stream, now and again. @param {string} url @param {Listener} listener */
export function openConnection(url, listener) {
  /** @type {EventSource | undefined} */
  let source;
  /** @type {number | undefined} */
  let timer;
  /** @type {number | undefined} */
  let silence;

  const close = () => {
    window.clearTimeout(timer);
    window.clearTimeout(silence);
    source?.close();
    source = undefined;
  };
  const again = (/** @type {string | undefined} */ why) => {
    close();
    listener.state('lost', why);
    timer = window.setTimeout(open, RETRY);
  };
  const heard = () => {
    window.clearTimeout(silence);
    silence = window.setTimeout(() => again('the agent is silent'), SILENCE);
  };
  function open() {
    close();
    const opened = new EventSource(url);
    source = opened;
    heard();
    for (const kind of /** @type {const} */ (['begin', 'sample'])) {
      opened.addEventListener(kind, ({ data }) => {
        heard();
        listener[kind](JSON.parse(data));
        listener.state('live');
      });
    }
    opened.addEventListener('trouble', ({ data }) => {
      heard();
      listener.state('trouble', JSON.parse(data).error.message);
    });
    opened.addEventListener('error', () => {
      // Refused: the browser gives up then, and does not say why.
      if (opened.readyState === EventSource.CLOSED) again('the agent refuses: too many pages may be open');
      else listener.state('lost');
    });
  }

  document.addEventListener('visibilitychange', () => {
    window.clearTimeout(timer);
    if (document.visibilityState === 'hidden') timer = window.setTimeout(close, PATIENCE);
    else if (source === undefined) open();
  });
  open();
}
