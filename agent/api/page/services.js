// The table of services: a row each, which opens to its backends.
// Imports its siblings.
// Invariant: at most MOST_ROWS rows are in the document, however many services there are; one of their buttons is in the order of Tab.

import { makeBackends } from './backends.js';
import { formatBits, formatNumber, formatWhole } from './format.js';
import { find, make, setAttribute, setChildren, setText } from './dom.js';

/** @typedef {import('./live-state.js').LiveState} LiveState */
/** @typedef {import('./live-state.js').LiveService} LiveService */

const MOST_ROWS = 200;
const COLUMNS = 8;

/** @param {number} id @param {() => void} toggled */
function makeService(id, toggled) {
  const frontend = make('span', { class: 'address' });
  const button = make(
    'button',
    { type: 'button', 'aria-expanded': 'false', tabindex: '-1' },
    make('span', { class: 'id' }, String(id)),
    ' ',
    frontend,
  );
  const state = make('span', { class: 'chip' });
  const names = ['wide', 'number wide', 'number wide', 'number', 'number wide', 'number wide refused'];
  const cells = names.map((name) => make('td', { class: name }));
  const row = make('tr', {}, make('th', { scope: 'row' }, button), make('td', {}, state), ...cells);
  const group = make('tbody', { 'data-service': String(id) }, row);
  /** @type {{ row: HTMLElement, backends: ReturnType<typeof makeBackends> } | undefined} */
  let opened;
  button.addEventListener('click', toggled);

  return {
    group,
    button,
    get isOpen() {
      return opened !== undefined;
    },
    /** @param {LiveService} service @param {boolean} open */
    update(service, open) {
      const { backends, mode, flows, newFlows, packets, replyPackets, bits, replyBits, refused } = service;
      const ready = backends.filter((backend) => backend.ready).length;
      setText(frontend, service.frontend);
      setText(state, `${ready} of ${backends.length}`);
      setAttribute(row, 'data-tone', ready === backends.length ? 'good' : ready === 0 ? 'bad' : 'warn');
      const numbers = [
        mode,
        formatNumber(flows),
        formatNumber(newFlows),
        formatNumber(sum(packets, replyPackets)),
        formatBits(sum(bits, replyBits)),
        formatNumber(refused),
      ];
      setAttribute(row, 'data-refuses', (refused ?? 0) > 0 ? '' : undefined);
      numbers.forEach((text, index) => {
        const cell = cells[index];
        if (cell) setText(cell, text);
      });
      if (open && opened === undefined) {
        const made = makeBackends(`backends-${id}`, `Backends of service ${id}`);
        opened = { backends: made, row: make('tr', { class: 'open' }, make('td', { colspan: String(COLUMNS) }, made.element)) };
        group.append(opened.row);
      } else if (!open && opened !== undefined) {
        opened.row.remove();
        opened = undefined;
      }
      setAttribute(button, 'aria-expanded', String(open));
      setAttribute(button, 'aria-controls', open ? `backends-${id}` : undefined);
      opened?.backends.update(service);
    },
  };
}

/** @param {number | null} a @param {number | null} b */
const sum = (a, b) => (a === null || b === null ? null : a + b);

/** @param {LiveState} state */
export function makeServices(state) {
  const table = find('service-table', HTMLTableElement);
  const filter = find('filter', HTMLInputElement);
  const count = find('service-count', HTMLElement);
  const note = find('service-note', HTMLElement);
  /** Those that are in the document. @type {Map<number, ReturnType<typeof makeService>>} */
  let rows = new Map();
  /** @type {Set<number>} */
  const open = new Set();
  /** Whose button Tab comes to. @type {number | undefined} */
  let current;

  function draw() {
    const chosen = state.select(filter.value);
    const shown = chosen.slice(0, MOST_ROWS);
    const before = rows;
    rows = new Map(shown.map((service) => [service.id, before.get(service.id) ?? makeService(service.id, () => toggle(service.id))]));
    for (const service of shown) rows.get(service.id)?.update(service, open.has(service.id));
    if (current === undefined || !rows.has(current)) current = shown[0]?.id;
    for (const [id, { button }] of rows) button.tabIndex = id === current ? 0 : -1;
    setChildren(
      table,
      [...rows.values()].map(({ group }) => group),
      1,
    );
    const all = state.services.size;
    setText(count, chosen.length === all ? formatWhole(all) : `${formatWhole(chosen.length)} of ${formatWhole(all)}`);
    const more = chosen.length - shown.length;
    const why = all === 0 ? 'There is no service yet.' : 'No service has that in it.';
    setText(note, more > 0 ? `${formatWhole(more)} more: type into the filter to find them.` : why);
    note.hidden = more <= 0 && chosen.length > 0;
  }

  /** @param {number} id @param {boolean} [to] */
  function toggle(id, to = !open.has(id)) {
    if (to) open.add(id);
    else open.delete(id);
    current = id;
    draw();
  }

  /** @param {number} id */
  function focus(id) {
    current = id;
    for (const [one, { button }] of rows) button.tabIndex = one === id ? 0 : -1;
    rows.get(id)?.button.focus();
  }

  filter.addEventListener('input', draw);
  return {
    draw,
    filter,
    /** Of the service that has the focus, or whose backends have it. */
    get focused() {
      const group = document.activeElement?.closest('tbody[data-service]');
      return group === null || group === undefined ? undefined : Number(group.getAttribute('data-service'));
    },
    toggle,
    /** To another service. @param {'first' | 'last' | 'next' | 'previous'} where */
    move(where) {
      const ids = [...rows.keys()];
      const at = ids.indexOf(current ?? -1);
      const inTable = this.focused !== undefined;
      const steps = { first: 0, last: ids.length - 1, next: inTable ? Math.min(at + 1, ids.length - 1) : 0, previous: at - 1 };
      const id = ids[steps[where]];
      if (id !== undefined) focus(id);
      else if (where === 'previous') filter.focus();
    },
  };
}
