// The backends of one service that is open: a table in the table of services.
// Imports its siblings.
// Invariant: a backend that stays keeps its row, so that nothing jumps while somebody reads.

import { formatBits, formatNumber, UNKNOWN } from './format.js';
import { make, setAttribute, setChildren, setText } from './dom.js';
import { makeBar } from './lists.js';

/** @typedef {import('./live-state.js').LiveService} LiveService */
/** @typedef {import('./live-state.js').LiveBackend} LiveBackend */

const HEADS = ['Backend', 'State', 'Health', 'Weight', 'Share of flows', 'Flows', 'New/s', 'Packets/s', 'Bits/s'];
const NUMBERS = new Set(['Weight', 'Flows', 'New/s', 'Packets/s', 'Bits/s']);

function makeRow() {
  const name = make('th', { scope: 'row', class: 'address' });
  const state = make('span', { class: 'chip' });
  const health = make('span', { class: 'chip verdict' });
  const reason = make('span', { class: 'reason' });
  const { bar, set } = makeBar();
  const percent = make('span', { class: 'percent' });
  const numbers = [...NUMBERS].map(() => make('td', { class: 'number' }));
  const [weight, ...counts] = numbers;
  const row = make('tr', {}, name, make('td', {}, state), make('td', {}, health, reason));
  if (weight) row.append(weight);
  row.append(make('td', { class: 'with-bar' }, bar, percent), ...counts);

  return {
    row,
    /** @param {LiveBackend} backend @param {number} flows of the service */
    update(backend, flows) {
      setText(name, backend.backend);
      setText(state, backend.state);
      setText(health, backend.health ?? (backend.trouble === null ? 'not checked' : 'unreachable'));
      setText(reason, backend.trouble ?? '');
      setAttribute(row, 'data-tone', toneOf(backend));
      const share = flows === 0 ? 0 : backend.flows / flows;
      set(share);
      setText(percent, flows === 0 ? UNKNOWN : `${Math.round(share * 100)} %`);
      const sum = (/** @type {number | null} */ a, /** @type {number | null} */ b) => (a === null || b === null ? null : a + b);
      const values = [backend.weight, backend.flows, backend.newFlows, sum(backend.packets, backend.replyPackets)].map((value) =>
        formatNumber(value),
      );
      values.push(formatBits(sum(backend.bits, backend.replyBits)));
      values.forEach((text, index) => {
        const cell = numbers[index];
        if (cell) setText(cell, text);
      });
    },
  };
}

/** Down or unreachable; well; or nobody has looked. @param {LiveBackend} backend */
function toneOf({ health, trouble }) {
  if (trouble !== null) return 'bad';
  return health === 'up' ? 'good' : 'off';
}

/** @param {string} id of the element @param {string} label */
export function makeBackends(id, label) {
  const heads = HEADS.map((text) => make('th', { scope: 'col', class: NUMBERS.has(text) ? 'number' : '' }, text));
  const body = make('tbody');
  const table = make('table', { class: 'backends', 'aria-label': label }, make('thead', {}, make('tr', {}, ...heads)), body);
  const element = make('div', { id, class: 'scroll-wide', tabindex: '0', role: 'region', 'aria-label': label }, table);
  /** @type {Map<string, ReturnType<typeof makeRow>>} */
  const rows = new Map();

  return {
    element,
    /** @param {LiveService} service */
    update(service) {
      const shown = service.backends.map((backend) => {
        let found = rows.get(backend.backend);
        if (found === undefined) {
          found = makeRow();
          rows.set(backend.backend, found);
        }
        found.update(backend, service.flows);
        return found.row;
      });
      setChildren(body, shown);
      if (rows.size <= shown.length) return;
      const present = new Set(service.backends.map(({ backend }) => backend));
      for (const name of rows.keys()) if (!present.has(name)) rows.delete(name);
    },
  };
}
