// The keyboard: what the keys of index.html's dialog do.
// Imports its siblings.
// Invariant: a key that somebody types into a field, or with Ctrl, Alt or Meta, is the browser's.

import { find } from './dom.js';

/** @param {ReturnType<typeof import('./services.js').makeServices>} services */
export function listenToKeys(services) {
  const dialog = find('keys', HTMLDialogElement);
  const showKeys = () => dialog.showModal();
  find('show-keys', HTMLElement).addEventListener('click', showKeys);
  const { filter } = services;

  /** @param {KeyboardEvent} event whether it meant something here */
  function act({ key, target }) {
    if (target === filter) {
      if (key === 'ArrowDown') services.move('first');
      else if (key === 'Escape' && filter.value !== '') {
        filter.value = '';
        services.draw();
      } else return false;
      return true;
    }
    if (key === '?') showKeys();
    else if (key === '/') {
      filter.focus();
      filter.select();
    } else return actOnService(key, target);
    return true;
  }

  /** @param {string} key @param {EventTarget | null} target */
  function actOnService(key, target) {
    const id = services.focused;
    // Elsewhere the arrows scroll, or choose among the radio buttons.
    if (id === undefined || !(target instanceof HTMLButtonElement)) return false;
    if (key === 'ArrowDown') services.move('next');
    else if (key === 'ArrowUp') services.move('previous');
    else if (key === 'Home') services.move('first');
    else if (key === 'End') services.move('last');
    else if (key === 'ArrowRight') services.toggle(id, true);
    else if (key === 'ArrowLeft') services.toggle(id, false);
    else return false;
    return true;
  }

  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || dialog.open) return;
    if (act(event)) event.preventDefault();
  });
}
