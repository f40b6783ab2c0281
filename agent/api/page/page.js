// The page: messages in, all parts drawn anew.
// Imports its siblings.
// Invariant: it shows what the agent last said, and says when that is no longer live.

import { openConnection } from './connection.js';
import { makeHeader, showConnection } from './header.js';
import { listenToKeys } from './keys.js';
import { makeDrops, makeEvents, makeRoom } from './lists.js';
import { LiveState } from './live-state.js';
import { makeServices } from './services.js';
import { makeTraffic } from './traffic.js';

const state = new LiveState();
const services = makeServices(state);
const parts = [makeHeader(), makeTraffic(state), services.draw, makeDrops(), makeRoom(), makeEvents()];
listenToKeys(services);

/** Of the agent that this page came from. @type {string | undefined} */
let version;
let asked = false;

function draw() {
  // Many messages may come at once, after a pause; one drawing a frame is enough.
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    for (const part of parts) part(state);
  });
}

openConnection('/live', {
  begin(message) {
    version ??= message.status.version;
    // Another agent has another page.
    if (version !== message.status.version) location.reload();
    state.begin(message);
    draw();
  },
  sample(message) {
    state.sample(message);
    draw();
  },
  state: showConnection,
});
