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
  assert.ok(line.kind === 'agent');
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
      '--bpf-lb-mode=dsr --device eth0,eth1 --dsr-dispatch l2 --xdp-mode=generic --snat-range=2000-3000 --lb-address=20.1.1.1,2001:db8::1 --maglev-size=251',
      '--max-flows=1000 --max-services=10 --max-backends=20 --new-flow-rate=0 --timeout-syn=1 --timeout-established=2 --timeout-closing=3',
      '--timeout-udp=4 --instance=lab --bpf-object=x.o --cache-dir=/c --clang=clang-15 --fragments-early=pass',
      '--answer-rate=5 --vip-echo=off --on-no-backend=reset --mss-clamp=1400 --syn-challenge=always',
      '--ipip-source=10.9.0.0/16 --snat-address=20.1.1.2,2001:db8::2',
      '--timeout-udp=4 --instance=lab --bpf-object=x.o --cache-dir=/c --clang=clang-15 --fragments-early=pass --vip-unknown-port=drop --health-exec=on --log-level=debug --web=127.0.0.1:9965 --web-name=LB1,lb1.example.com',
    ].join(' ');
    assert.deepEqual(settings(...splitLine(given)), {
      instance: 'lab',
      mode: 'dsr',
      devices: ['eth0', 'eth1'],
      dispatch: 'l2',
      xdpMode: 'generic',
      snatRange: [2000, 3000],
      lbAddresses: ['20.1.1.1', '2001:db8::1'],
      maglevSize: 251,
      maxFlows: 1000,
      maxServices: 10,
      maxBackends: 20,
      newFlowRate: 0,
      timeouts: { syn: 1, established: 2, closing: 3, udp: 4 },
      stateFile: '/var/lib/fairlead/lab/state.json',
      apiSocket: '/run/fairlead/lab.sock',
      apiGroup: undefined,
      web: { address: '127.0.0.1', port: 9965 },
      webNames: ['lb1', 'lb1.example.com'],
      bpfObject: 'x.o',
      cacheDirectory: '/c',
      clang: 'clang-15',
      earlyFragments: 'pass',
      answerRate: 5,
      vipEcho: false,
      noBackend: 'reset',
      synChallenge: 'always',
      mssClamp: 1400,
      ipipSource: { address: '10.9.0.0', length: 16 },
      snatAddresses: ['20.1.1.2', '2001:db8::2'],
      vipUnknownPort: 'drop',
      healthExec: true,
      logLevel: 'debug',
    });
    const own = settings('--device=eth0', '--instance=lab', '--state=/s.json', '--api-socket=/a.sock', '--api-group=staff');
    assert.deepEqual([own.stateFile, own.apiSocket, own.apiGroup], ['/s.json', '/a.sock', 'staff']);
  });

  it('takes LB addresses of both families, in one list or one by one; other flags count when given last', () => {
    const wanted = ['20.1.1.1', '2001:db8::1'];
    assert.deepEqual(settings('--device=eth0', '--lb-address=20.1.1.1,2001:DB8::1').lbAddresses, wanted);
    assert.deepEqual(settings('--device=eth0', '--lb-address=20.1.1.1', '--lb-address', '2001:db8:0::1').lbAddresses, wanted);
    assert.match(refusal('--device=eth0', '--lb-address=20.1.1.1', '--lb-address=20.1.1.1'), /--lb-address: address 20.1.1.1: given twice/);
    assert.match(refusal('--device=eth0', '--lb-address=20.1.1.1,eth0'), /--lb-address, entry 2: address eth0: not an IPv4 address/);
    assert.deepEqual(settings('--device=eth0', '--instance=a', '--instance=b').instance, 'b');
  });

  it('refuses outer sources that are no IPv4 prefix of hosts', () => {
    for (const [text, why] of [
      ['2001:db8::/64', /over IPv6 the flow label does this/],
      ['10.9.0.0', /not from \/8 to \/31/],
      ['10.0.0.0/7', /not from \/8 to \/31/],
      ['224.0.0.0/8', /not of addresses of hosts/],
      ['10.9.0.0/16x', /prefix length 16x/],
    ] as const)
      assert.match(refusal('--device=eth0', `--ipip-source=${text}`), why);
  });

  it('says what is wrong, and what would be right', () => {
    assert.equal(
      refusal(),
      'fairlead: --device=IF[,IF...] is missing (FL_E_USAGE) for example: cilium-agent --bpf-lb-mode=snat --device=eth0',
    );
    assert.match(refusal('--devic=eth0'), /unknown flag "--devic": did you mean "--device"\? \(FL_E_USAGE\)/);
    assert.match(refusal('--device'), /--device needs a value \(FL_E_USAGE\)/);
    assert.match(
      refusal('--device=eth0', '--bpf-lb-mode=sant'),
      /--bpf-lb-mode: mode sant: not one of snat, dsr \(FL_E_VALUE\) did you mean snat\?/,
    );
    assert.match(refusal('--device=eth0', '--maglev-size=1000'), /not a prime/);
    assert.match(refusal('--device=eth0', '--max-flows=63'), /--max-flows: number 63: not a number from 64 to 67108864/);
    assert.match(refusal('--device=eth0', '--state='), /--state: the name is empty \(FL_E_VALUE\)/);
    assert.match(refusal('--device=eth0', 'service', 'list', '--id=1'), /service list.* a command goes to a running agent/);
    assert.match(refusal('agent', 'service', 'list'), /"service list/);
  });

  it('tells an agent with a prompt, one without, a prompt to another and a command apart', () => {
    const kindOf = (...words: string[]) => {
      const line = readCommandLine(words);
      return line.kind === 'agent' ? `${line.kind} ${line.prompt}` : line.kind;
    };
    assert.equal(kindOf('--device=eth0', '--instance=a'), 'agent true');
    assert.equal(kindOf('--instance', 'a', '--device', 'eth0'), 'agent true');
    assert.equal(kindOf('agent', '--device=eth0'), 'agent false');
    assert.deepEqual(readCommandLine(['repl', '--instance=lab']), { kind: 'repl', socket: '/run/fairlead/lab.sock' });
    const words = ['service', 'get', '--id', '1', '-o', 'json'];
    assert.deepEqual(readCommandLine(words), { kind: 'command', socket: '/run/fairlead/default.sock', words });
    assert.deepEqual(readCommandLine(['--instance', 'lab', ...words]), { kind: 'command', socket: '/run/fairlead/lab.sock', words });
    assert.deepEqual(readCommandLine(['--api-socket=/a.sock', ...words]), { kind: 'command', socket: '/a.sock', words });
    assert.match(refusal('--instance=../x', ...words), /--instance: instance \.\.\/x/);
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
    for (const example of CLI_EXAMPLES) readCommandLine(splitLine(example).slice(1));
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
