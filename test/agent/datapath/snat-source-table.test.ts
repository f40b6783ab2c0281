// Which index each SNAT address has: the first of its family, and the one that it had where that can be.
// Imports agent/datapath, planes.ts. The packet cases ask the data plane whether it reads the same indices.
// The same tests run over the fake kernel and over this one.

import assert from 'node:assert/strict';
import { encodeIndex } from '../../../agent/datapath/layout.js';
import { formatAddress } from '../../../agent/model/address.js';
import { mapOf } from './flow-fixtures.js';
import { describeTables } from './planes.js';

describeTables('SNAT addresses', (plane) => {
  const set = (...addresses: string[]) => plane().datapath.snatSources.set(addresses);
  const at = (index: number) => mapOf(plane(), 'snat_sources').lookup(encodeIndex(index)) as Buffer;
  const ipv4 = () => [1, 2, 3, 4].map((index) => formatAddress(at(index).subarray(0, 4)));
  const ipv6 = () => [5, 6].map((index) => formatAddress(at(index)));

  it('stand from the first index of their family on, in their order', () => {
    set('20.1.1.2', '2001:db8::2', '20.1.1.3', '2001:db8::3');
    assert.deepEqual(ipv4().slice(0, 2), ['20.1.1.2', '20.1.1.3']);
    assert.deepEqual(ipv6(), ['2001:db8::2', '2001:db8::3']);
  });

  it('keep their index when others come, go or change their order', () => {
    set('20.1.1.1', '20.1.1.2', '20.1.1.3');
    set('20.1.1.3', '20.1.1.9', '20.1.1.2');
    assert.deepEqual(ipv4().slice(0, 3), ['20.1.1.9', '20.1.1.2', '20.1.1.3']);
    set('20.1.1.9');
    assert.deepEqual(ipv4().slice(0, 3), ['20.1.1.9', '20.1.1.2', '20.1.1.3'], 'those that flows may still name are left');
    set('20.1.1.3', '20.1.1.2');
    assert.deepEqual(ipv4().slice(0, 2), ['20.1.1.3', '20.1.1.2'], 'one whose index is beyond the number moves');
  });
});
