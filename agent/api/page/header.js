// The page's head: which agent this is, how it does, and its numbers in large.
// Imports its siblings.
// Invariant: what is shown here is the last message's; nothing is computed but sums.

import { countOf, formatBits, formatDuration, formatNumber, formatPackets } from './format.js';
import { find, make, setAttribute, setChildren, setText } from './dom.js';

/** @typedef {import('./live-state.js').LiveState} LiveState */

/** A thousand services may each have one. */
const MOST_WARNINGS = 8;

const STATES = { live: 'live', lost: 'lost, trying again', trouble: 'the agent cannot be read' };

/** @param {keyof typeof STATES} state @param {string} [why] */
export function showConnection(state, why) {
  setAttribute(find('connection', HTMLElement), 'data-state', state);
  setText(find('connection-text', HTMLElement), why === undefined ? STATES[state] : `${STATES[state]}: ${why}`);
}

/** A list of terms and values whose terms stay as they are. @param {HTMLElement} list */
function pairsIn(list) {
  /** @type {Map<string, { group: HTMLElement, value: HTMLElement }>} */
  const pairs = new Map();
  return (/** @type {Readonly<Record<string, string>>} */ values, /** @type {Readonly<Record<string, string>>} */ tones = {}) => {
    for (const [term, text] of Object.entries(values)) {
      let pair = pairs.get(term);
      if (pair === undefined) {
        const value = make('dd');
        pair = { group: make('div', {}, make('dt', {}, term), value), value };
        pairs.set(term, pair);
        list.append(pair.group);
      }
      setText(pair.value, text);
      setAttribute(pair.group, 'data-tone', tones[term]);
    }
  };
}

export function makeHeader() {
  const setFacts = pairsIn(find('facts', HTMLElement));
  const setTiles = pairsIn(find('tiles', HTMLElement));
  const instance = find('instance', HTMLElement);
  const warnings = find('warnings', HTMLElement);
  const list = find('warning-list', HTMLElement);
  let warned = '';

  return (/** @type {LiveState} */ state) => {
    const { message } = state;
    if (message === undefined) return;
    const { status } = message;
    setText(instance, status.instance);
    document.title = `Fairlead ${status.instance}`;
    setFacts({
      Mode: status.mode === 'dsr' ? `dsr by ${status.dispatch}` : status.mode,
      Devices: status.devices.map(({ name, xdpMode }) => `${name} (${xdpMode})`).join(', '),
      Program: `${status.program.name}, id ${status.program.id}`,
      Agent: `${status.version}, pid ${status.pid}`,
      'Up for': formatDuration(status.uptime),
    });
    const { all, ready } = state.countBackends();
    const point = message.point;
    const flows = status.tables.find(({ name }) => name === 'flows');
    setTiles(
      {
        Forwarded: formatPackets(point?.packets.forward),
        Throughput: formatBits(point?.bits.forward),
        Dropped: formatPackets(point?.packets.drop),
        Flows: formatNumber(flows?.entries),
        Services: formatNumber(status.services),
        'Backends ready': `${formatNumber(ready)} of ${formatNumber(all)}`,
      },
      {
        ...(ready < all ? { 'Backends ready': 'bad' } : {}),
        ...((point?.packets.drop ?? 0) > 0 ? { Dropped: 'warn' } : {}),
      },
    );
    const lines = status.warnings.join('\n');
    if (lines === warned) return;
    warned = lines;
    warnings.hidden = status.warnings.length === 0;
    setText(find('warnings-title', HTMLElement), countOf(status.warnings.length, 'warning'));
    const more = status.warnings.length - MOST_WARNINGS;
    const shown = status.warnings.slice(0, MOST_WARNINGS);
    if (more > 0) shown.push(`${formatNumber(more)} more: \`fairlead status\` shows all`);
    setChildren(
      list,
      shown.map((line) => make('li', {}, line)),
    );
  };
}
