// What the page's scripts must not do, whoever changes them: make markup of data, or ask anybody else for anything.
// Reads agent/api/page.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { FOLDER } from './pages.js';

const scripts = readdirSync(FOLDER).filter((name) => name.endsWith('.js'));
const textOf = (name: string) => readFileSync(new URL(name, FOLDER), 'utf8');

describe('the scripts of the page', () => {
  it('make no markup of data: everything becomes text', () => {
    const markup =
      /innerHTML|outerHTML|insertAdjacentHTML|setHTML|document\.write|createContextualFragment|DOMParser|\beval\b|new Function|setTimeout\('/;
    assert.ok(scripts.length > 8);
    for (const name of scripts) assert.doesNotMatch(textOf(name), markup, name);
  });

  it('ask for nothing from elsewhere, and for one stream alone', () => {
    for (const name of [...scripts, 'page.css', 'index.html']) {
      assert.doesNotMatch(
        textOf(name),
        /https?:\/\/(?!www\.w3\.org\/2000\/svg)|\bfetch\(|XMLHttpRequest|WebSocket|sendBeacon|@import|url\(/,
        name,
      );
    }
    assert.equal(scripts.filter((name) => textOf(name).includes('new EventSource')).length, 1);
  });
});
