import assert from 'node:assert/strict';
import fc from 'fast-check';
import { CLI_EXAMPLES, helpText, readCommandLine } from '../../../agent/cli/command-line.js';
import { SETTINGS_FLAGS } from '../../../agent/cli/settings-flags.js';
import { splitLine } from '../../../agent/commands/split-line.js';
import { FairleadError } from '../../../agent/model/errors.js';
import { DEFAULT_SETTINGS, type Settings } from '../../../agent/model/settings.js';
import { assertWidth, compareGolden } from '../support/golden.js';

function settings(...words: string[]): Settings {
  const line = readCommandLine(words);
  assert.ok(line.kind === 'run');
  return line.settings;
}

/** What the person reads for a wrong command line. */
function refusal(...words: string[]): string {
  try {
    readCommandLine(words);
  } catch (error) {
    if (error instanceof FairleadError) return `${error.message} (${error.code}) ${error.hint}`;
    throw error;
  }
  throw new Error('it was taken');
}

describe('the command line', () => {
  it('without other flags gives the default settings', () => {
    assert.deepEqual(settings('--device=eth0'), { ...DEFAULT_SETTINGS, devices: ['eth0'] });
  });

  it('takes every flag, in both forms', () => {
    const given = [
      '--bpf-lb-mode=dsr --device eth0,eth1 --dsr-dispatch l2 --xdp-mode=generic --snat-range=2000-3000 --lb-address=20.1.1.1 --maglev-size=251',
      '--max-flows=1000 --max-services=10 --max-backends=20 --new-flow-rate=0 --timeout-syn=1 --timeout-established=2 --timeout-closing=3',
      '--timeout-udp=4 --sweep-interval=6 --instance=lab --bpf-object=x.o --cache-dir=/c --clang=clang-15',
    ].join(' ');
    assert.deepEqual(settings(...splitLine(given)), {
      instance: 'lab',
      mode: 'dsr',
      devices: ['eth0', 'eth1'],
      dispatch: 'l2',
      xdpMode: 'generic',
      snatRange: [2000, 3000],
      lbAddress: '20.1.1.1',
      maglevSize: 251,
      maxFlows: 1000,
      maxServices: 10,
      maxBackends: 20,
      newFlowRate: 0,
      timeouts: { syn: 1, established: 2, closing: 3, udp: 4 },
      sweepInterval: 6,
      stateFile: '/var/lib/fairlead/lab/state.json',
      bpfObject: 'x.o',
      cacheDirectory: '/c',
      clang: 'clang-15',
    });
    assert.equal(settings('--device=eth0', '--instance=lab', '--state=/s.json').stateFile, '/s.json');
  });

  it('says what is wrong, and what would be right', () => {
    assert.equal(
      refusal(),
      'cilium-agent: --device=IF[,IF...] is missing (FL_E_USAGE) for example: cilium-agent --bpf-lb-mode=snat --device=eth0',
    );
    assert.match(refusal('--devic=eth0'), /unknown flag "--devic": did you mean "--device"\? \(FL_E_USAGE\)/);
    assert.match(refusal('--device'), /--device needs a value \(FL_E_USAGE\)/);
    assert.match(
      refusal('--device=eth0', '--bpf-lb-mode=sant'),
      /--bpf-lb-mode: mode sant: not one of snat, dsr \(FL_E_VALUE\) did you mean snat\?/,
    );
    assert.match(refusal('--device=eth0', '--maglev-size=1000'), /not a prime/);
    assert.match(refusal('--device=eth0', '--state='), /--state: the name is empty \(FL_E_VALUE\)/);
    for (const words of [
      ['service', 'list'],
      ['--device=eth0', 'service', 'list', '--id=1'],
    ]) {
      assert.match(refusal(...words), /"service list/);
      assert.match(refusal(...words), /commands are typed at the prompt/);
    }
  });

  it('knows when only a text is wanted', () => {
    assert.deepEqual(readCommandLine(['--help']), { kind: 'help' });
    assert.deepEqual(readCommandLine(['--device=eth0', '-h']), { kind: 'help' });
    assert.deepEqual(readCommandLine(['--version']), { kind: 'version' });
  });

  it('help is golden/help.txt, fits 80 columns, and ends with three examples that are right', () => {
    const text = helpText(80);
    assertWidth(text, 80);
    compareGolden(text, new URL('golden/help.txt', import.meta.url));
    assert.deepEqual(
      text.trimEnd().split('\n').slice(-3),
      CLI_EXAMPLES.map((example) => `  ${example}`),
    );
    for (const example of CLI_EXAMPLES) assert.equal(readCommandLine(splitLine(example.replace(/^.*\| /, '')).slice(1)).kind, 'run');
    for (const flag of Object.values(SETTINGS_FLAGS)) assert.ok(text.includes(`  --${flag.name}`), flag.name);
  });

  it('no words of any kind bring it down', () => {
    const word = fc.oneof(
      fc.string(),
      fc.constantFrom('--device=eth0', '--device', '-h', '--version', '--', '-', '--no-device', '--instance=../x', '='),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 6 }), (words) => {
        try {
          readCommandLine(words);
        } catch (error) {
          assert.ok(error instanceof FairleadError, String(error));
        }
      }),
      { numRuns: 2000 },
    );
  });
});
