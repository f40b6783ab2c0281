// The Windows decapsulator on the frames of the Linux ones, under the interpreter with Windows' helpers, maps and context (a test double: test/support/ebpf/windows.ts).
// bpf_xdp_adjust_head works there as it did in netebpfext; once it refuses, as it does in XDP for Windows.

import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { compileObject } from '../../agent/control/program/compile.js';
import { FakeKernel } from '../../platform/fake/index.js';
import type { BpfMap, BpfProgram } from '../../platform/port.js';
import { readObject } from '../support/ebpf/object.js';
import { checkWindowsProfile } from '../support/ebpf/profile-check.js';
import { loadObject } from '../support/ebpf/program.js';
import { windowsProfile } from '../support/ebpf/windows.js';
import { DECAP_CASES, HOST, VIP } from './decap-cases.js';
import { addressKey } from './frames.js';
import { cleanUp, makeFolder } from './lab.js';

const SOURCES = fileURLToPath(new URL('../../backends/windows', import.meta.url));

describe('backends/windows/decap_xdp, under the interpreter', function () {
  this.timeout(30_000);
  let objectFile = '';

  before(async () => {
    const built = await compileObject({
      clang: 'clang',
      cacheDirectory: makeFolder(),
      flavour: 'windows',
      sourceDirectory: SOURCES,
      source: 'decap_xdp.c',
      macros: {},
    });
    objectFile = built.objectFile;
  });
  after(() => cleanUp());

  function load(adjustHead: 'works' | 'refuses', other: number): { program: BpfProgram; map: (name: string) => BpfMap } {
    const kernel = new FakeKernel({ cpus: 1, ticksPerSecond: 1000 });
    const profile = windowsProfile({ now: () => 0, nanoseconds: () => 0n, adjustHead });
    const program = loadObject({ kernel, profile, objectFile, program: 'decap_xdp' });
    const map = (name: string): BpfMap => {
      const found = program.maps.get(name);
      assert.ok(found, name);
      return found;
    };
    for (const [name, known] of Object.entries({ vips: VIP, addresses: HOST }))
      for (const address of Object.values(known)) map(name).update(Buffer.from(addressKey(address)), Buffer.from([1, 0, 0, 0]));
    map('config').update(Buffer.alloc(4), Buffer.from([other, 0, 0, 0]));
    return { program, map };
  }

  /** Indexes of the reasons that were counted, with packets and bytes. */
  function counted(counters: BpfMap): readonly (readonly [number, number, number])[] {
    const value = counters.lookup(Buffer.alloc(4));
    assert.ok(value);
    const numbers = new BigUint64Array(value.buffer.slice(value.byteOffset, value.byteOffset + value.length));
    return [...numbers.keys()]
      .filter((index) => index % 2 === 0 && numbers[index] !== 0n)
      .map((index) => [index / 2, Number(numbers[index]), Number(numbers[index + 1])]);
  }

  const REASONS = [
    'decapsulated',
    'not_ip',
    'not_tunnel',
    'not_local',
    'truncated',
    'outer_malformed',
    'outer_options',
    'outer_fragment',
  ].concat(['outer_checksum', 'inner_truncated', 'inner_malformed', 'inner_not_vip', 'inner_ttl', 'ecn_lost', 'kernel_refused']);
  const cases = DECAP_CASES.filter(({ hook }) => hook !== 'tc');

  for (const [setting, other] of ['pass', 'drop'].entries()) {
    for (const each of cases) {
      const dropped = each.fate === 'dropped' || (each.fate === 'choice' && other === 'drop');
      it(`with other=${other}: ${each.text}: ${each.reason}${dropped ? ', dropped' : ''}`, () => {
        const { program, map } = load('works', setting);
        const { verdict, packet } = program.testRun(each.in);
        assert.equal(verdict, dropped ? 'drop' : 'pass');
        assert.equal(packet.toString('hex'), (each.out ?? each.in).toString('hex'));
        assert.deepEqual(counted(map('counters')), [[REASONS.indexOf(each.reason), 1, each.in.length]]);
      });
    }
  }

  for (const flavour of ['native', 'jit'] as const)
    it(`has nothing that eBPF for Windows lacks: ${flavour}`, () =>
      assert.deepEqual(checkWindowsProfile(readObject(objectFile), flavour), []));

  it('drops and counts what it cannot take off where the helper refuses, and passes everything else', () => {
    const { program, map } = load('refuses', 0);
    const [taken] = cases.filter(({ reason }) => reason === 'decapsulated');
    const [plain] = cases.filter(({ reason }) => reason === 'not_tunnel');
    assert.ok(taken && plain);
    assert.equal(program.testRun(taken.in).verdict, 'drop');
    assert.equal(program.testRun(plain.in).verdict, 'pass');
    assert.deepEqual(
      counted(map('counters')).map(([reason]) => REASONS[reason]),
      ['not_tunnel', 'kernel_refused'],
    );
  });
});
