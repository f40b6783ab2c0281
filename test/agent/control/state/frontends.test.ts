// Frontends of many ports and addresses in the state file, and what the maps tell of them when it is lost.
// Imports agent/control/state and agent/model.

import assert from 'node:assert/strict';
import { formatState, parseState } from '../../../../agent/control/state/desired-state.js';
import { rebuildState } from '../../../../agent/control/state/rebuild-state.js';
import { parseFrontend } from '../../../../agent/model/parse.js';
import type { DesiredState } from '../../../../agent/model/service.js';

const FRONTENDS = ['40.1.1.1:*', '40.1.1.1:8000-8999', '40.1.0.0/24:80/udp', '[2001:db8::/64]:1-9'];
const STATE: DesiredState = {
  mode: 'snat',
  services: FRONTENDS.map((text, i) => ({
    id: i + 1,
    frontend: parseFrontend(text),
    backends: [{ address: i === 3 ? '2001:db9::1' : '20.1.1.10', port: 0, weight: 1, state: 'active' }],
    mode: undefined,
  })),
};

describe('frontends of many ports and addresses', () => {
  it('are read from the state file as they were written', () => assert.deepEqual(parseState(formatState(STATE)), STATE));

  const wrong: [string, Record<string, unknown>, RegExp][] = [
    ['port 0 without every port', { port: 0 }, /frontend\.port: 0 is not a number from 1 to 65535/],
    ['a range that ends before it begins', { port: 9, lastPort: 8 }, /frontend\.lastPort: 8 is not a number from 9 to 65535/],
    ['a prefix that is too long', { prefixLength: 33 }, /frontend\.prefixLength: 33 is not a number from 1 to 32/],
    ['a prefix that begins elsewhere', { prefixLength: 24 }, /frontend\.address: 40\.1\.1\.1 is not the first address of a \/24/],
  ];
  for (const [title, change, words] of wrong) {
    it(`refuses ${title}`, () => {
      const json = JSON.parse(formatState(STATE));
      Object.assign(json.services[0].frontend, { port: 80, lastPort: undefined }, change);
      assert.throws(() => parseState(JSON.stringify(json)), words);
    });
  }

  it('are rebuilt from the maps', () => {
    const services = STATE.services.map(
      ({ id, frontend }) => [frontend, { id, backendCount: 1, maglevDigest: 1, action: 'snat' }] as const,
    );
    const backends = STATE.services.map(({ id, backends: [backend] }) => {
      const { address = '', port = 0 } = backend ?? {};
      const rest = {
        serviceId: id,
        weight: 1,
        state: 'active',
        generation: 1,
        source: undefined,
        nextHop: undefined,
        local: false,
      } as const;
      return [id, { ...rest, address, port }] as const;
    });
    assert.deepEqual(rebuildState(services, backends, undefined), STATE);
  });
});
