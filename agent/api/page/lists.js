// The small tables: drops by reason, room in the data plane's tables, last events.
// Imports its siblings.
// Invariant: a row that stays keeps its elements; only texts change.

import { formatNumber, formatTime, formatWhole } from './format.js';
import { find, make, setAttribute, setChildren, setText } from './dom.js';

/** @typedef {import('./live-state.js').LiveState} LiveState */

/** Rows by key, each made once. @param {(row: HTMLTableRowElement) => void} fill */
function rowsOf(fill) {
  /** @type {Map<string, HTMLTableRowElement>} */
  const rows = new Map();
  return (/** @type {string} */ key) => {
    const present = rows.get(key);
    if (present !== undefined) return present;
    const row = make('tr');
    fill(row);
    rows.set(key, row);
    return row;
  };
}

/** @param {HTMLTableElement} table */
function bodyOf(table) {
  const [body] = table.tBodies;
  if (body === undefined) throw new Error(`table #${table.id} has no body`);
  return body;
}

/** @param {HTMLTableRowElement} row @param {number} index @param {string} text */
function setCell(row, index, text) {
  const cell = row.cells[index];
  if (cell !== undefined) setText(cell, text);
}

export function makeDrops() {
  const table = find('drop-table', HTMLTableElement);
  const note = find('drop-note', HTMLElement);
  const rowOf = rowsOf((row) =>
    row.append(
      make('th', { scope: 'row' }, make('span'), make('code', { class: 'muted' })),
      make('td', { class: 'number' }),
      make('td', { class: 'number' }),
    ),
  );
  return (/** @type {LiveState} */ { message }) => {
    const drops = (message?.reasons ?? []).filter(({ kind }) => kind === 'drop').sort((a, b) => b.rate - a.rate || b.packets - a.packets);
    table.hidden = drops.length === 0;
    note.hidden = drops.length > 0;
    const rows = drops.map(({ name, text, rate, packets }) => {
      const row = rowOf(name);
      const [words, code] = row.cells[0]?.children ?? [];
      if (words && code) {
        setText(words, text);
        setText(code, name);
      }
      setCell(row, 1, formatNumber(rate));
      setCell(row, 2, formatWhole(packets));
      setAttribute(row, 'data-tone', rate > 0 ? 'warn' : undefined);
      return row;
    });
    setChildren(bodyOf(table), rows);
  };
}

/** A bar that shows a share of 0 to 1; its number stands beside it. */
export function makeBar() {
  const fill = make('span', { class: 'fill' });
  const bar = make('span', { class: 'share', 'aria-hidden': 'true' }, fill);
  return {
    bar,
    /** @param {number} share */
    set(share) {
      fill.style.width = `${(Math.min(1, Math.max(0, share)) * 100).toFixed(1)}%`;
    },
  };
}

/** Beyond this share of a table's limit it is shown as trouble to come. */
const PRESSED = 0.8;

export function makeRoom() {
  const table = find('room-table', HTMLTableElement);
  /** @type {Map<string, { row: HTMLTableRowElement, percent: HTMLElement, set: (share: number) => void }>} */
  const rows = new Map();
  return (/** @type {LiveState} */ { message }) => {
    if (message === undefined) return;
    const ports = message.status.snatPorts.map((one) => ({
      name: `SNAT ports to ${one.family === 6 ? `[${one.address}]` : one.address}:${one.port}/${one.protocol}`,
      key: `ports ${one.family}`,
      entries: one.inUse,
      limit: one.limit,
    }));
    const tables = [...message.status.tables.map((one) => ({ ...one, key: one.name })), ...ports];
    const shown = tables.map(({ key, name, entries, limit }) => {
      let found = rows.get(key);
      if (found === undefined) {
        const { bar, set } = makeBar();
        const percent = make('span', { class: 'percent' });
        const row = make('tr', {}, make('th', { scope: 'row' }), make('td', { class: 'with-bar' }, bar, percent));
        row.append(make('td', { class: 'number' }), make('td', { class: 'number' }));
        found = { row, percent, set };
        rows.set(key, found);
      }
      const share = limit === 0 ? 0 : entries / limit;
      setCell(found.row, 0, name);
      setText(found.percent, `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`);
      found.set(share);
      setCell(found.row, 2, formatWhole(entries));
      setCell(found.row, 3, formatWhole(limit));
      setAttribute(found.row, 'data-tone', share >= PRESSED ? 'bad' : undefined);
      return found.row;
    });
    setChildren(bodyOf(table), shown);
  };
}

const TONES = { error: 'bad', warning: 'warn', info: undefined, debug: undefined };

export function makeEvents() {
  const table = find('event-table', HTMLTableElement);
  const note = find('event-note', HTMLElement);
  let shown = '';
  return (/** @type {LiveState} */ { events, message }) => {
    // Numbers begin anew with each agent.
    const state = `${message?.status.pid} ${events.at(-1)?.number}`;
    if (state === shown) return;
    shown = state;
    table.hidden = events.length === 0;
    note.hidden = events.length > 0;
    const rows = [...events].reverse().map(({ time, level, text, by }) => {
      const what = make('td', {}, ...(level === 'info' ? [] : [make('span', { class: 'chip' }, level), ' ']), text);
      const row = make('tr', {}, make('td', { class: 'time' }, formatTime(time)), what, make('td', { class: 'muted' }, by ?? 'agent'));
      setAttribute(row, 'data-tone', TONES[level]);
      return row;
    });
    setChildren(bodyOf(table), rows);
  };
}
