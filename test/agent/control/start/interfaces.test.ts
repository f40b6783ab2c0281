// Which addresses of this node replies come to, and which of them packets to a backend carry.
// Imports agent/control/start/interfaces, platform/fake.

import assert from 'node:assert/strict';
import { chooseLbAddresses, describeDevice, findDevices, mainAddress, SourcePolicy } from '../../../../agent/control/start/interfaces.js';
import type { Settings } from '../../../../agent/model/settings.js';
import { createFakePlatform, FakeKernel } from '../../../../platform/fake/index.js';
import type { InterfaceAddress, InterfaceInfo } from '../../../../platform/port.js';

const given = (text: string): InterfaceAddress => {
  const [address = '', state] = text.split(' ') as [string, InterfaceAddress['state']];
  return { address, prefixLength: address.includes(':') ? 64 : 24, ...(state && { state }) };
};
/** '2001:db8::1 deprecated' is an address with a state. */
const device = (name: string, index: number, ...addresses: string[]): InterfaceInfo => ({
  name,
  index,
  mac: '02:00:00:00:00:01',
  mtu: 1500,
  up: true,
  addresses: addresses.map(given),
});

function choose(
  devices: readonly InterfaceInfo[],
  lbAddresses: Settings['lbAddresses'] = [],
  families: readonly (4 | 6)[] = [4, 6],
  snatAddresses: readonly string[] = [],
) {
  const { network } = createFakePlatform(new FakeKernel({ interfaces: [device('other', 9, '9.9.9.9', '2001:db8:9::9'), ...devices] }));
  return chooseLbAddresses({ lbAddresses, snatAddresses }, findDevices(network, devices.map(({ name }) => name)), network, families); // biome-ignore format: one call
}

describe('LB addresses', () => {
  const DUAL = device('eth0', 2, '20.1.1.1', '20.1.1.2', '2001:db8:20::1', '2001:db8:20::2');

  it('are the first of each device and family, IPv4 before IPv6, each once', () => {
    assert.deepEqual(choose([DUAL, device('eth1', 3, '2001:db8:30::1', '30.1.1.1')]), [
      '20.1.1.1',
      '30.1.1.1',
      '2001:db8:20::1',
      '2001:db8:30::1',
    ]);
    assert.deepEqual(choose([DUAL, { ...DUAL, name: 'eth1', index: 3 }]), ['20.1.1.1', '2001:db8:20::1']);
  });

  it('are those of --snat-address too, at the end and each once', () => {
    const snat = ['20.1.1.2', '20.1.1.1', '2001:db8:20::2'];
    assert.deepEqual(choose([DUAL], [], [4, 6], snat), ['20.1.1.1', '20.1.1.2', '2001:db8:20::1', '2001:db8:20::2']);
    assert.deepEqual(choose([DUAL], ['20.1.1.2'], [4, 6], snat.slice(0, 2)), ['20.1.1.2', '20.1.1.1']);
    assert.throws(() => choose([DUAL], [], [4, 6], ['20.1.1.3']), {
      code: 'FL_E_VALUE',
      message: 'SNAT address 20.1.1.3: not an address of this node',
    });
  });

  it('of one family are enough', () => {
    assert.deepEqual(choose([device('eth0', 2, '20.1.1.1')]), ['20.1.1.1']);
    assert.deepEqual(choose([device('eth0', 2, '2001:db8:20::1')]), ['2001:db8:20::1']);
    assert.deepEqual(choose([device('eth0', 2, '20.1.1.1'), device('eth1', 3, '2001:db8:30::1')]), ['20.1.1.1', '2001:db8:30::1']);
  });

  it('of a family that the data plane does not forward are left out', () => {
    assert.deepEqual(choose([DUAL], [], [4]), ['20.1.1.1']);
    assert.throws(() => choose([device('eth0', 2, '2001:db8:20::1')], [], [4]), {
      code: 'FL_E_VALUE',
      message: 'device eth0 (2001:db8:20::1): no IPv4 address that replies could come to',
    });
    assert.throws(() => choose([DUAL], ['2001:db8:20::1'], [4]), {
      code: 'FL_E_VALUE',
      message: 'LB address 2001:db8:20::1: no IPv4 address that replies could come to',
    });
  });

  it('are not such as go by themselves or are another node’s; one that is being checked serves when there is no other', () => {
    const fading = ['2001:db8:20::1 deprecated', '2001:db8:20::2 temporary', '2001:db8:20::3 duplicate'];
    assert.deepEqual(choose([device('eth0', 2, '20.1.1.1', ...fading)]), ['20.1.1.1']);
    assert.deepEqual(choose([device('eth0', 2, ...fading, '2001:db8:20::4 tentative')]), ['2001:db8:20::4']);
    assert.deepEqual(choose([device('eth0', 2, '2001:db8:20::4 tentative', '2001:db8:20::5')]), ['2001:db8:20::5']);
    assert.throws(() => choose([device('eth0', 2, ...fading)]), {
      message:
        'device eth0 (2001:db8:20::1 is deprecated, 2001:db8:20::2 is temporary, 2001:db8:20::3 is duplicate): ' +
        'no IPv4 or IPv6 address that replies could come to',
    });
  });

  it('can be named: any address that the node has, on whatever device, in the order given', () => {
    const named = ['9.9.9.9', '20.1.1.2', '2001:db8:20::2'];
    assert.deepEqual(choose([DUAL], named), named);
    assert.deepEqual(choose([DUAL], ['2001:db8:9::9']), ['2001:db8:9::9']);
    assert.deepEqual(choose([device('eth0', 2, '2001:db8:20::1 deprecated')], ['2001:db8:20::1']), ['2001:db8:20::1']);
    assert.throws(() => choose([DUAL], ['20.1.1.1', '2001:db8::77']), {
      code: 'FL_E_VALUE',
      message: 'LB address 2001:db8::77: not an address of this node',
    });
    assert.throws(() => choose([device('eth0', 2, '2001:db8::1 duplicate')], ['2001:db8::1']), {
      code: 'FL_E_VALUE',
      message: 'LB address 2001:db8::1: another node on the link has it too',
    });
  });

  it('are at most four of each family', () => {
    const many = (count: number) => Array.from({ length: count }, (_, i) => device(`eth${i}`, i + 2, `20.1.${i}.1`, `2001:db8:${i}::1`));
    assert.equal(choose(many(4)).length, 8);
    assert.throws(() => choose(many(5)), { code: 'FL_E_LIMIT', message: /^5 LB addresses of IPv4 \(20\.1\.0\.1, .*\): at most 4$/ });
    const five = ['1', '2', '3', '4', '5'].map((last) => `2001:db8::${last}`);
    assert.throws(() => choose([device('eth0', 2, ...five)], five), { code: 'FL_E_LIMIT', message: /^5 LB addresses of IPv6/ });
  });
});

describe('describeDevice', () => {
  it('shows the main address of each family, or why there is none', () => {
    const text = (...addresses: string[]) => describeDevice(device('eth0', 2, ...addresses)).split('MTU 1500, ')[1];
    assert.equal(text('20.1.1.1', '20.1.1.2', '2001:db8::1', '2001:db8::2'), '20.1.1.1, 2001:db8::1');
    assert.equal(text('20.1.1.1', '2001:db8::1 temporary'), '20.1.1.1, 2001:db8::1 (temporary)');
    assert.equal(text('2001:db8::1 deprecated', '2001:db8::2 tentative'), '2001:db8::2 (tentative)');
    assert.equal(text(), 'no address');
    assert.equal(mainAddress(device('eth0', 2, '2001:db8::1 deprecated'), 6), undefined);
  });
});

describe('SourcePolicy', () => {
  const eth0 = device('eth0', 2, '20.1.1.1', '2001:db8:20::1', '2001:db8:20::2');
  const eth1 = device('eth1', 3, '30.1.1.1', '2001:db8:30::1');
  const policy = new SourcePolicy(['20.1.1.1', '30.1.1.1', '2001:db8:20::1', '2001:db8:30::1'], [eth0, eth1]);

  it('takes the kernel’s choice when replies to it are recognised', () => {
    assert.equal(policy.sourceTowards('2001:db8:20::10', '2001:db8:30::1', 2), '2001:db8:30::1');
    assert.equal(policy.sourceTowards('20.1.1.10', '30.1.1.1', 2), '30.1.1.1');
  });

  it('else the LB address of the device that leads there, of the backend’s family', () => {
    assert.equal(policy.sourceTowards('2001:db8:30::10', '2001:db8:20::2', 3), '2001:db8:30::1');
    assert.equal(policy.sourceTowards('2001:db8:30::10', 'fe80::1', 3), '2001:db8:30::1');
    assert.equal(policy.sourceTowards('30.1.1.10', undefined, 3), '30.1.1.1');
  });

  it('else the first of the family, and none of the other', () => {
    assert.equal(policy.sourceTowards('2001:db8:99::10', undefined, 7), '2001:db8:20::1');
    assert.equal(policy.sourceTowards('50.1.1.1', undefined, 7), '20.1.1.1');
    assert.equal(new SourcePolicy(['20.1.1.1'], [eth0]).sourceTowards('2001:db8:20::10', '2001:db8:20::1', 2), undefined);
  });
});
