// The devices that reverse entries name by index: an index stays its device's.
// Imports agent/datapath and planes.ts.
// The same tests run over the fake kernel and over this one.

import assert from 'node:assert/strict';
import { DEVICE, encodeIndex, MAX_DEVICES } from '../../../agent/datapath/layout.js';
import { refusal } from '../model/refuse.js';
import { mapOf } from './flow-fixtures.js';
import { describeTables } from './planes.js';

const device = (ifindex: number, mac = `02:00:00:00:00:${ifindex.toString(16).padStart(2, '0')}`) => ({ ifindex, mac });

describeTables('the devices that are served', (plane) => {
  /** The map's entries, index to '<ifindex> <MAC>'; those without a device left out. */
  function entries(): Record<number, string> {
    const found: Record<number, string> = {};
    for (let index = 0; index < MAX_DEVICES; index++) {
      const { ifindex, mac } = DEVICE.decode(mapOf(plane(), 'devices').lookup(encodeIndex(index)) as Buffer);
      if (ifindex !== 0 || mac !== '00:00:00:00:00:00') found[index] = `${ifindex} ${mac}`;
    }
    return found;
  }
  const set = (...devices: ReturnType<typeof device>[]): void => plane().datapath.devices.set(devices);

  it('get indices from 1 on: 0 says that there is none', () => {
    set(device(7), device(3));
    assert.deepEqual(entries(), { 1: '7 02:00:00:00:00:07', 2: '3 02:00:00:00:00:03' });
  });

  it('keep their indices when others come and go, and are named in another order', () => {
    set(device(7), device(3));
    set(device(3), device(9), device(7));
    assert.deepEqual(entries(), { 1: '7 02:00:00:00:00:07', 2: '3 02:00:00:00:00:03', 3: '9 02:00:00:00:00:09' });
    set(device(9), device(3));
    assert.deepEqual(entries(), { 2: '3 02:00:00:00:00:03', 3: '9 02:00:00:00:00:09' });
  });

  it('a device that was made anew takes the index that came free', () => {
    set(device(7), device(3));
    set(device(12), device(3));
    assert.deepEqual(entries(), { 1: '12 02:00:00:00:00:0c', 2: '3 02:00:00:00:00:03' });
  });

  it('a MAC address that changed is written in place', () => {
    set(device(7), device(3));
    set(device(7, '02:00:00:00:ff:ff'), device(3));
    assert.deepEqual(entries(), { 1: '7 02:00:00:00:ff:ff', 2: '3 02:00:00:00:00:03' });
  });

  it('none left: no entry left', () => {
    set(device(7), device(3));
    set();
    assert.deepEqual(entries(), {});
  });

  it('fifteen fit, one more is refused and nothing is changed', () => {
    const fifteen = Array.from({ length: 15 }, (_, i) => device(i + 1));
    set(...fifteen);
    const before = entries();
    assert.equal(Object.keys(before).length, 15);
    assert.equal(
      refusal(() => set(...fifteen, device(16))),
      'FL_E_LIMIT 16 devices: at most 15 | name fewer with --device',
    );
    assert.deepEqual(entries(), before);
  });
});
