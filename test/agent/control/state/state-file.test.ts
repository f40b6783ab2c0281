// The state file: round trips, torn files, wrong fields.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { formatState, parseState } from '../../../../agent/control/state/desired-state.js';
import { StateFile } from '../../../../agent/control/state/state-file.js';
import { formatAddress } from '../../../../agent/model/address.js';
import { BACKEND_STATES, type DesiredState, MODES, PROTOCOLS } from '../../../../agent/model/service.js';

/** Objects as JSON.parse makes them. */
const PLAIN = { noNullPrototype: true } as const;
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const address = fc.oneof(bytes(4), bytes(16)).map(formatAddress);
const endpoint = { address, port: fc.integer({ min: 1, max: 65535 }) };
const backend = fc.record({ ...endpoint, weight: fc.nat(1000), state: fc.constantFrom(...BACKEND_STATES) }, PLAIN);
const service = fc.record(
  {
    id: fc.integer({ min: 1, max: 65535 }),
    frontend: fc.record({ ...endpoint, protocol: fc.constantFrom(...PROTOCOLS) }, PLAIN),
    backends: fc.uniqueArray(backend, { selector: ({ address, port }) => `${address}:${port}`, maxLength: 5 }),
    mode: fc.constantFrom(undefined, ...MODES),
  },
  PLAIN,
);
const states: fc.Arbitrary<DesiredState> = fc.record(
  {
    mode: fc.constantFrom(...MODES),
    services: fc.uniqueArray(service, { maxLength: 5, comparator: (a, b) => a.id === b.id || a.frontend.address === b.frontend.address }),
  },
  PLAIN,
);

const small: DesiredState = {
  mode: 'snat',
  services: [
    {
      id: 1,
      frontend: { address: '40.1.1.1', port: 80, protocol: 'tcp' },
      backends: [{ address: '20.1.1.10', port: 80, weight: 1, state: 'active' }],
      mode: undefined,
    },
  ],
};

describe('the state as text', () => {
  it('reads back what it wrote', () => {
    fc.assert(fc.property(states, (state) => assert.deepEqual(parseState(formatState(state)), state)));
  });

  it('an IPv6 address is read as the agent writes it, however a person wrote it', () => {
    const text = formatState(small).replace('40.1.1.1', '2001:DB8:0::0001').replace('20.1.1.10', '2001:0db8::10');
    const [service] = parseState(text).services;
    assert.deepEqual([service?.frontend.address, service?.backends[0]?.address], ['2001:db8::1', '2001:db8::10']);
    const [first] = small.services;
    const twice = [
      first?.backends[0],
      { ...first?.backends[0], address: '2001:db8::1' },
      { ...first?.backends[0], address: '2001:DB8::1' },
    ];
    assert.throws(() => parseState(JSON.stringify({ version: 1, mode: 'snat', services: [{ ...first, backends: twice }] })), {
      code: 'FL_E_STATE',
      message: 'services[0].backends: [2001:db8::1]:80 twice',
    });
  });

  it('a file cut anywhere is refused, never half used', () => {
    const text = formatState(small).trimEnd();
    for (let length = 0; length < text.length; length++) assert.throws(() => parseState(text.slice(0, length)), { code: 'FL_E_STATE' });
  });

  // biome-ignore lint/suspicious/noExplicitAny: each case breaks the file's shape on purpose
  const wrong: readonly [string, (json: any) => void, RegExp][] = [
    ['another version', (json) => (json.version = 2), /^version 2/],
    ['an unknown mode', (json) => (json.mode = 'nat'), /^mode: "nat" is not one of snat, dsr/],
    ['no services', (json) => delete json.services, /^services: not a list/],
    ['an id of 0', (json) => (json.services[0].id = 0), /^services\[0\]\.id: 0 is not a number from 1 to 65535/],
    ['a port as text', (json) => (json.services[0].frontend.port = '80'), /^services\[0\]\.frontend\.port: "80"/],
    ['a bad address', (json) => (json.services[0].backends[0].address = '20.1.1'), /backends\[0\]\.address: "20\.1\.1" is not an address/],
    ['a weight beyond 1000', (json) => (json.services[0].backends[0].weight = 1001), /weight: 1001/],
    ['an unknown backend state', (json) => (json.services[0].backends[0].state = 'asleep'), /state: "asleep"/],
    ['an id twice', (json) => json.services.push(json.services[0]), /^services: id 1 twice/],
    ['a backend twice', (json) => json.services[0].backends.push(json.services[0].backends[0]), /backends: 20\.1\.1\.10:80 twice/],
  ];
  for (const [name, break_, message] of wrong) {
    it(`${name} is refused, naming the field`, () => {
      const json = JSON.parse(formatState(small));
      break_(json);
      assert.throws(() => parseState(JSON.stringify(json)), { code: 'FL_E_STATE', message });
    });
  }
});

describe('StateFile', () => {
  let directory: string;
  let path: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'fairlead-state-'));
    path = join(directory, 'below', 'state.json');
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('is fresh where nothing was written, and makes its folder', () => {
    const file = new StateFile(path);
    assert.deepEqual(file.read(), { state: undefined, current: false, fresh: true, warnings: [] });
    file.write(small);
    assert.deepEqual(new StateFile(path).read(), { state: small, current: true, fresh: false, warnings: [] });
    assert.deepEqual(readdirSync(join(directory, 'below')), ['state.json']);
  });

  it('keeps the state before the last as the good copy, for when the file is torn or gone', () => {
    const file = new StateFile(path);
    file.write(small);
    file.write({ ...small, mode: 'dsr' });
    writeFileSync(path, '{"version":1,');
    const found = new StateFile(path).read();
    assert.deepEqual([found.state, found.current], [small, false]);
    assert.equal(found.warnings.length, 2);
    rmSync(path);
    assert.deepEqual(new StateFile(path).read().state, small);
  });

  it('keeps a good copy also when somebody has written into the file meanwhile', () => {
    const file = new StateFile(path);
    file.write(small);
    writeFileSync(path, 'garbage');
    file.write({ ...small, mode: 'dsr' });
    assert.deepEqual(parseState(readFileSync(`${path}.last-good`, 'utf8')), small);
    assert.equal(new StateFile(path).read().state?.mode, 'dsr');
  });

  it('writes a state as it was read once more, and the copy with it', () => {
    new StateFile(path).write(small);
    const next = new StateFile(path);
    next.read();
    next.write({ ...small, mode: 'dsr' });
    next.write(small);
    assert.equal(parseState(readFileSync(`${path}.last-good`, 'utf8')).mode, 'dsr');
    assert.deepEqual(readdirSync(join(directory, 'below')).sort(), ['state.json', 'state.json.last-good']);
  });

  it('what cannot be read at all is put aside', () => {
    const file = new StateFile(path);
    file.write(small);
    writeFileSync(path, 'torn');
    const found = new StateFile(path).read();
    assert.deepEqual([found.state, found.fresh], [undefined, false]);
    assert.equal(readFileSync(`${path}.damaged`, 'utf8'), 'torn');
  });

  it('a write that fails leaves the state before it, and no temporary file', () => {
    const file = new StateFile(path);
    file.write(small);
    const before = readFileSync(path, 'utf8');
    // A folder stands where the new file should go, so that the rename fails at the very end.
    rmSync(path);
    mkdirSync(join(path, 'full'), { recursive: true });
    assert.throws(() => file.write({ ...small, mode: 'dsr' }), { code: 'FL_E_STATE' });
    assert.equal(readFileSync(`${path}.last-good`, 'utf8'), before);
    assert.deepEqual(
      readdirSync(join(directory, 'below')).filter((name) => name.endsWith('.tmp')),
      [],
    );
  });
});
