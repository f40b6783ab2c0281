// What services with frontends of many ports and addresses may stand side by side, and what a person is told of their ports.
// Imports agent/model.

import assert from 'node:assert/strict';
import { parseEndpoints, parseFrontend } from '../../../agent/model/parse.js';
import type { Mode, Service } from '../../../agent/model/service.js';
import { validateService } from '../../../agent/model/validate.js';
import { warnOfPorts } from '../../../agent/model/warn-ports.js';
import { refusal } from './refuse.js';

const service = (id: number, frontend: string, backends = '20.1.1.10:*'): Service => ({
  id,
  frontend: parseFrontend(frontend),
  backends: parseEndpoints(backends).map((backend) => ({ ...backend, weight: 1, state: 'active' })),
  mode: undefined,
});
const ALL = [service(1, '40.1.1.1:8000-8999'), service(2, '40.2.0.0/16:80')];

describe('services of many ports and addresses', () => {
  for (const frontend of [
    '40.1.1.1:80',
    '40.1.1.1:8500',
    '40.1.1.1:*',
    '40.1.1.1:9000-9999',
    '40.2.1.0/24:80',
    '40.2.0.1:80',
    '40.2.0.0/16:81',
  ])
    it(`accepts ${frontend} beside them`, () => validateService(service(3, frontend), ALL));
  it('accepts another range in the place of the own one', () => validateService(service(1, '40.1.1.1:8500-9500'), ALL));

  const refused: [Service, string][] = [
    [
      service(3, '40.1.1.1:8999-9999'),
      'FL_E_CONFLICT frontend 40.1.1.1:8999-9999/tcp: service 1 has ports of it already (40.1.1.1:8000-8999/tcp) | change service 1 or give another frontend',
    ],
    [
      service(3, '40.2.0.0/16:80'),
      'FL_E_CONFLICT frontend 40.2.0.0/16:80/tcp: service 2 has it already | change service 2 or give another frontend',
    ],
    [
      service(3, '40.1.1.2:80', '40.2.3.4:80'),
      'FL_E_CONFLICT backend address 40.2.3.4: it lies in the prefix 40.2.0.0/16 of service 2 | a service cannot be the backend of another',
    ],
    [
      service(3, '20.1.0.0/16:80', '30.1.1.1:80'),
      'FL_E_CONFLICT VIP 20.1.0.0/16: in it lies the address of backend 20.1.1.10:* of service 1 | a VIP is an address that no backend has',
    ],
    [
      service(3, '40.3.0.0/16:80', '40.3.0.1:80'),
      "FL_E_CONFLICT backend 40.3.0.1:80: its address lies in the service's own VIP | a backend needs an address of its own",
    ],
    [
      service(3, '64.0.0.0/7:80'),
      'FL_E_VALUE VIP 64.0.0.0/7: a prefix of IPv4 has at least 8 bits | give the prefix that is routed to this node',
    ],
    [
      service(3, '[2000::/15]:80', '[2001:db8::1]:80'),
      'FL_E_VALUE VIP 2000::/15: a prefix of IPv6 has at least 16 bits | give the prefix that is routed to this node',
    ],
    [service(3, '224.0.0.0/8:80'), 'FL_E_VALUE VIP 224.0.0.0/8:80: a multicast address cannot be a VIP | give the address of one host'],
  ];
  for (const [value, words] of refused)
    it(words, () =>
      assert.equal(
        refusal(() => validateService(value, ALL)),
        words,
      ),
    );
});

describe('ports that are not translated', () => {
  const warnings = (mode: Mode, frontend: string, backends: string, ...local: readonly number[]) => {
    const { backends: list, ...rest } = service(1, frontend, backends);
    return warnOfPorts({ ...rest, mode, backends: list.map((backend, i) => ({ ...backend, local: local.includes(i) })) });
  };

  it('nothing is said of a backend on the port that the client used', () => {
    assert.deepEqual(warnings('dsr', '40.1.1.1:*', '20.1.1.10:*,20.1.1.20:*'), []);
    assert.deepEqual(warnings('snat', '40.1.1.1:1-9', '20.1.1.10:80'), []);
    assert.deepEqual(warnings('snat', '40.1.1.1:80', '20.1.1.10:80', 0), []);
  });

  it('a backend with a port of its own is told of when the frontend has many', () => {
    assert.deepEqual(warnings('dsr', '40.1.1.1:1-9', '20.1.1.10:1,20.1.1.20:*'), [
      'service 1: DSR leaves ports as they are, but 20.1.1.10:1 is given with another',
    ]);
  });

  it('a backend on this node keeps the port in any mode', () => {
    assert.deepEqual(warnings('snat', '40.1.1.1:80', '20.1.1.1:8080,20.1.1.10:8080', 0), [
      'service 1: a backend on this node gets port 80 as it is, but 20.1.1.1:8080 is given with another',
    ]);
    assert.deepEqual(warnings('dsr', '40.1.1.1:80', '20.1.1.1:8080,20.1.1.10:8080', 0).length, 2);
  });
});
