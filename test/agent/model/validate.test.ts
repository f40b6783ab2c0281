// What services may stand side by side, and the words of every refusal.
// Imports agent/model.
// Services are written as a person would write them, and parsed.

import assert from 'node:assert/strict';
import { parseEndpoints, parseFrontend } from '../../../agent/model/parse.js';
import type { Service } from '../../../agent/model/service.js';
import { validateCrossing } from '../../../agent/model/validate-families.js';
import { validateService, validateWeightCount } from '../../../agent/model/validate.js';
import { refusal } from './refuse.js';

function service(id: number, frontend: string, backends: string): Service {
  const list = backends === '' ? [] : parseEndpoints(backends);
  return {
    id,
    frontend: parseFrontend(frontend),
    backends: list.map((backend) => ({ ...backend, weight: 1, state: 'active' })),
    mode: undefined,
  };
}

const WEB = service(1, '40.1.1.1:80', '20.1.1.10:80,20.1.1.20:80');
const DNS = service(2, '40.1.1.2:53/udp', '20.1.1.30:53');
const WEB6 = service(6, '[2001:db8:40::6]:80', '[2001:db8:20::60]:80');
const ALL = [WEB, DNS, WEB6];

describe('a service beside others', () => {
  const accepted: [string, Service][] = [
    ['another port of a VIP', service(3, '40.1.1.1:443', '20.1.1.10:443')],
    ['another protocol of a frontend', service(3, '40.1.1.1:80/udp', '20.1.1.10:80')],
    ['a backend that another service has too', service(3, '40.1.1.3:80', '20.1.1.10:80')],
    ['one host with two ports', service(3, '40.1.1.3:80', '20.1.1.10:80,20.1.1.10:81')],
    ['IPv6 beside IPv4', service(3, '[2001:db8:40::1]:80', '[2001:db8:20::10]:80,[2001:db8:20::10]:81')],
    ['the other protocol of an IPv6 frontend', service(4, '[2001:db8:40::6]:80/udp', '[2001:db8:20::60]:80')],
    ['no backend', service(3, '40.1.1.3:80', '')],
    ['the same id with the same frontend: an update', service(1, '40.1.1.1:80', '20.1.1.40:80')],
    ['the same id with an address that only it used as a backend', service(2, '20.1.1.30:53/udp', '20.1.1.31:53')],
  ];
  for (const [name, value] of accepted) it(`accepts ${name}`, () => validateService(value, ALL));

  const refused: [Service, string][] = [
    [
      service(3, '40.1.1.1:80', '20.1.1.10:80'),
      'FL_E_CONFLICT frontend 40.1.1.1:80/tcp: service 1 has it already | change service 1 or give another frontend',
    ],
    [
      service(3, '20.1.1.30:80', '20.1.1.10:80'),
      'FL_E_CONFLICT VIP 20.1.1.30: it is the address of backend 20.1.1.30:53 of service 2 | a VIP is an address that no backend has',
    ],
    [
      service(3, '40.1.1.3:80', '40.1.1.1:8080'),
      'FL_E_CONFLICT backend address 40.1.1.1: it is the VIP of service 1 | a service cannot be the backend of another',
    ],
    [
      service(3, '40.1.1.3:80', '40.1.1.3:8080'),
      "FL_E_CONFLICT backend 40.1.1.3:8080: its address is the service's own VIP | a backend needs an address of its own",
    ],
    [
      service(3, '40.1.1.3:80', '20.1.1.10:80,20.1.1.10:80'),
      'FL_E_CONFLICT backend 20.1.1.10:80: given twice | to give it a larger share use weights',
    ],
    [
      service(3, '[2001:0db8:40::0006]:80', ''),
      'FL_E_CONFLICT frontend [2001:db8:40::6]:80/tcp: service 6 has it already | change service 6 or give another frontend',
    ],
    [
      service(3, '[2001:db8:20::60]:80', ''),
      'FL_E_CONFLICT VIP 2001:db8:20::60: it is the address of backend [2001:db8:20::60]:80 of service 6 | a VIP is an address that no backend has',
    ],
    [
      service(3, '[2001:db8:40::7]:80', '[2001:db8:40::6]:80'),
      'FL_E_CONFLICT backend address 2001:db8:40::6: it is the VIP of service 6 | a service cannot be the backend of another',
    ],
    [service(3, '[fe80::1]:80', ''), 'FL_E_VALUE VIP [fe80::1]:80: a link-local address cannot be a VIP | give the address of one host'],
    [service(3, '[ff02::1]:80', ''), 'FL_E_VALUE VIP [ff02::1]:80: a multicast address cannot be a VIP | give the address of one host'],
    [
      service(3, '[2001:db8:40::7]:80', '[::ffff:20.1.1.10]:80'),
      'FL_E_VALUE backend [::ffff:20.1.1.10]:80: an IPv4 address in IPv6 form cannot be a backend | give the address of one host',
    ],
    [
      service(3, '[2001:db8:40::7]:80', '20.1.1.10:80'),
      'FL_E_VALUE backend 20.1.1.10:80: not of the address family of [2001:db8:40::7]:80/tcp | an IPv6 frontend has IPv6 backends; an IPv4 frontend may have either',
    ],
    [service(3, '224.0.0.1:80', ''), 'FL_E_VALUE VIP 224.0.0.1:80: a multicast address cannot be a VIP | give the address of one host'],
    [service(3, '127.1.2.3:80', ''), 'FL_E_VALUE VIP 127.1.2.3:80: a loopback address cannot be a VIP | give the address of one host'],
    [
      service(3, '0.0.0.0:80', ''),
      'FL_E_VALUE VIP 0.0.0.0:80: an address that names no host cannot be a VIP | give the address of one host',
    ],
    [
      service(3, '40.1.1.3:80', '255.255.255.255:80'),
      'FL_E_VALUE backend 255.255.255.255:80: the broadcast address cannot be a backend | give the address of one host',
    ],
  ];
  for (const [value, text] of refused) {
    it(`refuses: ${text.split('|')[0]}`, () =>
      assert.equal(
        refusal(() => validateService(value, ALL)),
        text,
      ));
  }

  const over6: Service = { ...WEB, id: 3, backends: [{ address: '2001:db8::1', port: 80, weight: 1, state: 'active' }] };

  it('refuses backends of two address families', () => {
    const mixed: Service = { ...over6, backends: [...WEB.backends.slice(0, 1), ...over6.backends] };
    assert.equal(
      refusal(() => validateService(mixed, [])),
      'FL_E_VALUE backend [2001:db8::1]:80: not of the address family of 20.1.1.10:80 | the backends of a service are of one family',
    );
  });

  it('lets an IPv4 frontend have IPv6 backends where DSR wraps packets, and there alone', () => {
    validateService(over6, []);
    validateCrossing(over6, 'dsr', 'ipip');
    validateCrossing({ ...over6, mode: 'dsr' }, 'snat', 'ipip');
    validateCrossing(WEB, 'snat', 'l2');
    const bySnat =
      'FL_E_CONFLICT service 3: 40.1.1.1:80/tcp has IPv6 backends, which SNAT cannot reach: it translates within one family | ' +
      'let it stay DSR: service update --id=3 --mode=dsr';
    assert.equal(
      refusal(() => validateCrossing(over6, 'snat', 'ipip')),
      bySnat,
    );
    assert.equal(
      refusal(() => validateCrossing({ ...over6, mode: 'snat' }, 'dsr', 'ipip')),
      bySnat,
    );
    assert.equal(
      refusal(() => validateCrossing(over6, 'dsr', 'l2')),
      'FL_E_CONFLICT service 3: 40.1.1.1:80/tcp has IPv6 backends, which DSR by l2 cannot reach: only IPIP carries IPv4 over IPv6 | ' +
        'start the agent with --dsr-dispatch=ipip, or give IPv4 backends',
    );
  });

  it('refuses more than the maps hold, counting a replaced service once', () => {
    const limits = { maxServices: 3, maxBackends: 4, maglevSize: 251 };
    validateService(service(2, '40.1.1.2:53/udp', '20.1.1.31:53'), ALL, limits);
    assert.equal(
      refusal(() => validateService(service(3, '40.1.1.3:80', ''), ALL, limits)),
      'FL_E_LIMIT 4 services: at most 3 | start the agent with a larger --max-services',
    );
    assert.equal(
      refusal(() => validateService(service(2, '40.1.1.2:53/udp', '20.1.1.31:53,20.1.1.32:53'), ALL, limits)),
      'FL_E_LIMIT 5 backends: at most 4 | start the agent with a larger --max-backends',
    );
    assert.equal(
      refusal(() => validateService(WEB, ALL, { ...limits, maglevSize: 1 })),
      'FL_E_LIMIT service 1: 2 backends, at most 1 | start the agent with a larger --maglev-size',
    );
  });

  it('wants one weight for each backend', () => {
    validateWeightCount([1, 2], WEB.backends);
    assert.equal(
      refusal(() => validateWeightCount([1], WEB.backends)),
      'FL_E_VALUE 1 weight for 2 backends | give one weight for each backend, in their order',
    );
  });
});
