// What `ipvsadm -S -n` prints, read and written: lines as ipvsadm 1.31 prints them.
// Imports agent/config alone.

import assert from 'node:assert/strict';
import { readIpvsadm } from '../../../../agent/config/ipvsadm/read-ipvsadm.js';
import { writeIpvsadm } from '../../../../agent/config/ipvsadm/write-ipvsadm.js';
import { readConfig } from '../../../../agent/config/read-config.js';
import { writeConfig } from '../../../../agent/config/write-config.js';
import { FairleadError } from '../../../../agent/model/errors.js';
import { formatFrontend } from '../../../../agent/model/format.js';
import type { Dispatch } from '../../../../agent/model/service.js';
import type { BackendView, ServiceView } from '../../../../agent/model/views.js';

const MASQUERADED = `-A -t 40.1.1.1:80 -s mh
-a -t 40.1.1.1:80 -r 20.1.1.10:8080 -m -w 1
-a -t 40.1.1.1:80 -r 20.1.1.20:8080 -m -w 3
-A -u 40.1.1.1:53 -s mh -p 600
-a -u 40.1.1.1:53 -r 20.1.1.10:53 -m -w 0
-A -t [2001:db8:40::1]:443 -s mh
-a -t [2001:db8:40::1]:443 -r [2001:db8:20::10]:443 -m -w 1
`;
const direct = (method: string) => `-A -t 40.1.1.1:80 -s mh
-a -t 40.1.1.1:80 -r 20.1.1.10:80 ${method} -w 1
-A -t 40.1.1.1:0 -s mh -p 300
-a -t 40.1.1.1:0 -r 20.1.1.10:0 ${method} -w 5
`;

/** The services as a running agent shows them, as far as ipvsadm has words. */
function viewsOf(text: string): { readonly services: readonly ServiceView[]; readonly dispatch: Dispatch } {
  const { state, dispatch } = readIpvsadm(text, 'rules');
  const services = state.services.map(
    ({ id, frontend, mode, affinity, backends }) =>
      ({
        id,
        frontend,
        mode: mode ?? state.mode,
        affinity,
        sourceRanges: { allow: [], deny: [] },
        backends: backends.map((backend) => ({ ...backend }) as unknown as BackendView),
      }) as unknown as ServiceView,
  );
  return { services, dispatch: dispatch ?? 'ipip' };
}

describe('ipvsadm', () => {
  it('services and servers become services and backends, in their order', () => {
    const { state, dispatch, warnings } = readIpvsadm(MASQUERADED, 'rules');
    assert.deepEqual([dispatch, warnings, state.mode], [undefined, [], 'snat']);
    assert.deepEqual(
      state.services.map(({ id, frontend, affinity, backends }) => [
        id,
        formatFrontend(frontend),
        affinity,
        backends.map(({ address, port, weight }) => `${address} ${port} ${weight}`),
      ]),
      [
        [1, '40.1.1.1:80/tcp', undefined, ['20.1.1.10 8080 1', '20.1.1.20 8080 3']],
        [2, '40.1.1.1:53/udp', 600, ['20.1.1.10 53 0']],
        [3, '[2001:db8:40::1]:443/tcp', undefined, ['2001:db8:20::10 443 1']],
      ],
    );
  });

  it('how servers are reached becomes mode and dispatch', () => {
    for (const [method, dispatch] of [
      ['-g', 'l2'],
      ['-i', 'ipip'],
      ['-i --tun-type ipip', 'ipip'],
    ] as const) {
      const imported = readIpvsadm(direct(method), 'rules');
      assert.deepEqual([imported.state.mode, imported.dispatch], ['dsr', dispatch]);
      assert.equal(imported.state.services[1]?.backends[0]?.port, 0, 'every port');
    }
    const mixed = readIpvsadm(`${direct('-g')}${MASQUERADED.replaceAll('40.1.1.1', '40.1.1.2')}`, 'rules');
    assert.deepEqual([mixed.state.mode, mixed.dispatch], ['snat', 'l2']);
    assert.deepEqual(
      mixed.state.services.map(({ mode }) => mode),
      ['dsr', 'dsr', undefined, undefined, undefined],
    );
  });

  it('what is imported is a configuration file that can be read, and means the same', () => {
    for (const text of [MASQUERADED, direct('-g')]) {
      const { state } = readIpvsadm(text, 'rules');
      assert.deepEqual(readConfig(writeConfig(state, { 'dsr-dispatch': 'l2' }), 'x.yaml').state, state);
      assert.deepEqual(readConfig(writeConfig(state, { 'dsr-dispatch': 'l2' }), 'x.yaml').agentWords, ['--dsr-dispatch=l2']);
    }
  });

  it('what is written is what was read', () => {
    for (const text of [MASQUERADED, direct('-g'), direct('-i')]) {
      const { services, dispatch } = viewsOf(text);
      const { lines, left, lost } = writeIpvsadm(services, dispatch);
      assert.deepEqual([`${lines.join('\n')}\n`, left, lost], [text, [], []]);
    }
  });

  it('takes long options, in any order, comments and blank lines', () => {
    const { state } = readIpvsadm(
      '# saved\n\n--add-service --tcp-service 40.1.1.1:80 --persistent=60 --scheduler mh\n--real-server=20.1.1.10 --weight=7 --add-server --masquerading --tcp-service=40.1.1.1:80\n',
      'rules',
    );
    assert.deepEqual(state.services[0]?.affinity, 60);
    assert.deepEqual(state.services[0]?.backends, [{ address: '20.1.1.10', port: 80, weight: 7, state: 'active' }]);
    assert.equal(readIpvsadm('-A -t 40.1.1.1:80 -p -s mh', 'rules').state.services[0]?.affinity, 300);
  });

  it('says what is not quite the same', () => {
    const { state, warnings } = readIpvsadm(
      `-A -t 40.1.1.1:80 -s wlc\n-a -t 40.1.1.1:80 -r 20.1.1.10:80 -m -w 20000 -x 100 -y 50\n-a -t 40.1.1.1:80 -r 20.1.1.20:80 -m -w 5\n-A -u 40.1.1.1:80 -s wlc\n`,
      'rules',
    );
    assert.deepEqual(warnings, [
      'scheduler wlc: Fairlead chooses backends by Maglev hashing (mh), by their weights; connections are not counted',
      'rules:2: -x 100: bounds of connections have no like here',
      'rules:2: -y 50: bounds of connections have no like here',
      'service 40.1.1.1:80/tcp: weights up to 20000 were scaled to 1000',
    ]);
    assert.deepEqual(
      state.services[0]?.backends.map(({ weight }) => weight),
      [1000, 1],
    );
  });

  const ERRORS: readonly (readonly [string, RegExp])[] = [
    ['-A -f 1 -s rr', /^rules:1: services by firewall mark/],
    ['-C', /^rules:1: neither -A nor -a/],
    ['nonsense', /^rules:1: 'nonsense' is no option/],
    ['-A -t web:http -s rr', /^rules:1: 'web' is a name/],
    ['-A -t 40.1.1.1:http -s rr', /^rules:1: port http/],
    ['-A -t 40.1.1.256:80', /^rules:1: address 40\.1\.1\.256/],
    ['-A -t 2001:db8::1:80', /^rules:1: '2001:db8::1:80' is no ADDRESS:PORT/],
    ['-A -t', /^rules:1: '' is no ADDRESS:PORT/],
    ['-A -t 40.1.1.1:80 -o', /^rules:1: one-packet/],
    ['-A -t 40.1.1.1:80 --pe sip', /^rules:1: persistence engines/],
    ['-A -t 40.1.1.1:80 -p 60 -M 255.255.255.0', /^rules:1: persistence of a whole network/],
    ['-A -t 40.1.1.1:80 -p 9999999', /^rules:1: persistence 9999999/],
    ['-A -t 40.1.1.1:80 --unheard', /^rules:1: option --unheard is not known/],
    ['-A -t 40.1.1.1:80\n-A -t 40.1.1.1:80', /^rules:2: service 40\.1\.1\.1:80\/tcp is there already/],
    ['-a -t 40.1.1.1:80 -r 20.1.1.10:80 -m', /^rules:1: no service 40\.1\.1\.1:80\/tcp above/],
    ['-A -t 40.1.1.1:80\n-a -t 40.1.1.1:80 -m', /^rules:2: '' is no ADDRESS:PORT/],
    ['-A -t 40.1.1.1:80\n-a -t 40.1.1.1:80 -r 20.1.1.10:81 -g', /^rules:2: server port 81: by -g packets arrive at port 80/],
    ['-A -t 40.1.1.1:80\n-a -t 40.1.1.1:80 -r 20.1.1.10:80 -i --tun-type gue', /^rules:2: --tun-type gue/],
    ['-A -t 40.1.1.1:80\n-a -t 40.1.1.1:80 -r 20.1.1.10:80 -m -w 70000', /^rules:2: weight 70000/],
    [
      '-A -t 40.1.1.1:80\n-a -t 40.1.1.1:80 -r 20.1.1.10:80 -m\n-a -t 40.1.1.1:80 -r 20.1.1.10:80 -m',
      /^rules:3: server 20\.1\.1\.10 is there already/,
    ],
    [
      '-A -t 40.1.1.1:80\n-a -t 40.1.1.1:80 -r 20.1.1.10:80 -m\n-a -t 40.1.1.1:80 -r 20.1.1.20:80 -g',
      /^rules:3: servers of 40\.1\.1\.1:80\/tcp by -m and by others/,
    ],
    [
      '-A -t 40.1.1.1:80\n-a -t 40.1.1.1:80 -r 20.1.1.10:80 -g\n-A -t 40.1.1.1:81\n-a -t 40.1.1.1:81 -r 20.1.1.20:81 -i',
      /^rules:4: servers by -i beside others by -g/,
    ],
  ];
  for (const [text, message] of ERRORS) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(
        () => readIpvsadm(text, 'rules'),
        (error) =>
          error instanceof FairleadError && error.code === 'FL_E_CONFIG' && message.test(error.message) && error.hint !== undefined,
      );
    });
  }

  it('names the services that ipvsadm has no words for, and what the others lose', () => {
    const { services } = viewsOf('-A -t 40.1.1.1:80 -s mh\n');
    const [service] = services as [ServiceView];
    const exported = writeIpvsadm(
      [
        { ...service, sourceRanges: { allow: ['10.0.0.0/8'], deny: [] } },
        { ...service, id: 2, frontend: { ...service.frontend, lastPort: 90 } },
        { ...service, id: 3, frontend: { ...service.frontend, prefixLength: 24 } },
      ],
      'l2',
    );
    assert.deepEqual(exported, {
      lines: ['-A -t 40.1.1.1:80 -s mh'],
      left: [
        'service 2 (40.1.1.1:80-90/tcp) is left out: ipvsadm has no ranges of ports',
        'service 3 (40.1.1.1/24:80/tcp) is left out: ipvsadm has no virtual prefixes',
      ],
      lost: ['service 1: without its source ranges'],
    });
  });
});
