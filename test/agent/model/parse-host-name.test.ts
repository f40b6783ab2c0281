// Names of hosts from text: what a browser may ask for the page by.
// Imports agent/model.

import assert from 'node:assert/strict';
import { parseHostNames } from '../../../agent/model/parse-host-name.js';
import { refusal } from './refuse.js';

describe('names of hosts', () => {
  it('become small letters, in their order', () => {
    assert.deepEqual(parseHostNames('LB1,lb1.Example.com,a-b'), ['lb1', 'lb1.example.com', 'a-b']);
  });

  it('are refused with a port, an empty part, or what no name has', () => {
    for (const text of ['lb1:80', 'lb1,', '', 'a..b', '-a', 'a-.b', 'a_b', 'a b', '*', '*.example.com', 'é', `${'a'.repeat(64)}`, '[::1]'])
      assert.match(
        refusal(() => parseHostNames(text, '--web-name')),
        /^FL_E_VALUE --web-name/,
        text,
      );
  });
});
