// The doctor on Windows, without one: the outputs of sc, reg, bcdedit and netsh below are constructed from their documented forms, none is a recording.
// What they show: the parsers read these forms, and each fault leads to its one finding. What they cannot: that a real Windows prints them so.

import assert from 'node:assert/strict';
import { examinationText } from '../../../agent/commands/doctor-text.js';
import { type Command, commandText } from '../../../agent/doctor/commands.js';
import type { Finding } from '../../../agent/doctor/finding.js';
import type { Said } from '../../../agent/doctor/run.js';
import type { WindowsBackendFacts, WindowsBalancerFacts, WindowsMachine } from '../../../agent/doctor/windows/facts.js';
import { examineBackend, examineBalancer, makeExaminer } from '../../../agent/doctor/windows/examiner.js';
import { readHostModels, readMachine } from '../../../agent/doctor/windows/machine.js';
import { parsePrograms, parseService, parseTestSigning } from '../../../agent/doctor/windows/parse.js';
import { QUESTIONS } from '../../../agent/doctor/windows/tools.js';
import { FairleadError } from '../../../agent/model/errors.js';
import { AgentDouble } from '../support/agent-double.js';
import { balancerFacts, DEVICE } from './facts-double.js';
import { checkRow, type Row } from './support.js';

const SERVICE = (name: string, label: string, state: string) =>
  `\r\nSERVICE_NAME: ${name}\r\n        TYPE               : 1  KERNEL_DRIVER\r\n        ${label}              : ${state}\r\n                                (STOPPABLE, NOT_PAUSABLE, IGNORES_SHUTDOWN)\r\n        WIN32_EXIT_CODE    : 0  (0x0)\r\n`;
const VALUE = (name: string, type: string, value: string) =>
  `\r\nHKEY_LOCAL_MACHINE\\SYSTEM\\SOME\\KEY\r\n    ${name}    ${type}    ${value}\r\n\r\n`;
const PROGRAMS = [
  '',
  '    ID  Pins  Links  Mode       Type           Name',
  '======  ====  =====  =========  =============  ====================',
  ' 65540     1      1  NATIVE     xdp            fairlead',
  ' 65568     0      0  JIT        bind           count_binds',
  '',
].join('\r\n');

/** A healthy machine's answers, by the command as typed; what is not among them ends with status 1. */
const HEALTHY: Readonly<Record<string, Said>> = Object.fromEntries(
  (
    [
      [QUESTIONS.service('eBPFCore'), SERVICE('eBPFCore', 'STATE', '4  RUNNING')],
      [QUESTIONS.service('xdp'), SERVICE('xdp', 'STATE', '4  RUNNING')],
      [QUESTIONS.elevated, ''],
      [QUESTIONS.ebpfEnabled, VALUE('XdpEbpfEnabled', 'REG_DWORD', '0x1')],
      [QUESTIONS.bootOptions, VALUE('SystemStartOptions', 'REG_SZ', ' TESTSIGNING  NOEXECUTE=OPTIN')],
      [
        QUESTIONS.nextBoot,
        'Windows Boot Loader\r\n-------------------\r\nidentifier              {current}\r\ntestsigning             Yes\r\n',
      ],
      [QUESTIONS.programs, PROGRAMS],
      [QUESTIONS.hostModels, '4 IPv6 Enabled Enabled\r\n4 IPv4 Enabled Disabled\r\n'],
    ] satisfies readonly (readonly [Command, string])[]
  ).map(([command, stdout]) => [commandText(command), { status: 0, stdout }]),
);

const asking =
  (changed: Readonly<Record<string, Said | undefined>> = {}) =>
  async (command: Command): Promise<Said | undefined> => {
    const text = commandText(command);
    if (text in changed) return changed[text];
    if (text === commandText(QUESTIONS.service('eBPFSvc'))) return { status: 1060, stdout: 'FAILED 1060' };
    return HEALTHY[text] ?? { status: 1, stdout: '' };
  };

const MACHINE: WindowsMachine = {
  elevated: true,
  services: { eBPFCore: 'running', eBPFSvc: 'absent', xdp: 'running' },
  ebpfEnabled: true,
  xdpMode: 'automatic',
  testSigning: true,
  testSigningNext: true,
  secureBoot: false,
  memoryIntegrity: false,
  programs: [{ id: 65540, links: 1, mode: 'NATIVE', type: 'xdp', name: 'fairlead' }],
  libraryTrouble: undefined,
};

describe('what Windows tools print', () => {
  it('becomes the facts of a healthy machine', async () => {
    const facts = await readMachine(asking(), undefined);
    assert.deepEqual(
      { ...facts, programs: facts.programs?.map(({ name }) => name) },
      { ...MACHINE, programs: ['fairlead', 'count_binds'] },
    );
  });

  it('of a service is read by its number, whatever language the labels are in', () => {
    assert.equal(parseService(0, SERVICE('xdp', 'STATUS', '4  RUNNING')), 'running');
    assert.equal(parseService(0, SERVICE('xdp', 'STATE', '1  STOPPED')), 'stopped');
    assert.equal(parseService(0, SERVICE('xdp', 'STATE', '3  STOP_PENDING')), 'other');
    assert.equal(parseService(1060, ''), 'absent');
    assert.equal(parseService(5, 'Access is denied.'), undefined);
  });

  it('of programs is read with blanks in a type, and nothing of the head', () => {
    assert.deepEqual(parsePrograms(`${PROGRAMS} 7     0      2  NATIVE     cgroup/sock ops  guard\r\n`).at(-1), {
      id: 7,
      links: 2,
      mode: 'NATIVE',
      type: 'cgroup/sock ops',
      name: 'guard',
    });
    assert.equal(parsePrograms(PROGRAMS).length, 2);
  });

  it('of the next boot in a language that is not known says nothing', () => {
    assert.equal(parseTestSigning('testsigning             Yes\r\n'), true);
    assert.equal(parseTestSigning('testsigning             No\r\n'), false);
    assert.equal(parseTestSigning('identifier              {current}\r\n'), false);
    assert.equal(parseTestSigning('testsigning             Kyllä\r\n'), undefined);
  });

  it('of a tool that is not there leaves the fact unknown', async () => {
    const facts = await readMachine(async () => undefined, undefined);
    const { services, libraryTrouble, ...rest } = facts;
    assert.deepEqual(
      [...Object.values(services), ...Object.values(rest)].filter((value) => value !== undefined),
      [],
    );
  });

  it('of host models is a line for each interface and family', async () => {
    assert.deepEqual(await readHostModels(asking()), [
      { ifindex: 4, family: 6, weakSend: true, weakReceive: true },
      { ifindex: 4, family: 4, weakSend: true, weakReceive: false },
    ]);
    assert.equal(await readHostModels(async () => ({ status: 0, stdout: '' })), undefined);
  });
});

describe('the doctor on a Windows load balancer', () => {
  type Facts = (machine: Partial<WindowsMachine>) => WindowsBalancerFacts;
  let facts: Facts;
  before(async () => {
    const { devices, missing, interfaces, agent, agentTrouble } = await balancerFacts();
    facts = (machine) => ({ devices, missing, interfaces, agent, agentTrouble, machine: { ...MACHINE, ...machine } });
  });
  const services = (changed: Partial<WindowsMachine['services']>) => ({ services: { ...MACHINE.services, ...changed } });

  it('finds nothing amiss when all is well', () => {
    assert.deepEqual(
      examineBalancer(facts({})).filter(({ level }) => level !== 'ok'),
      [],
    );
  });

  const rows: readonly Row<Partial<WindowsMachine>>[] = [
    { fault: 'no administrator', facts: { elevated: false }, level: 'warning', check: 'rights', text: /administrator/ },
    {
      fault: 'a service that does not run',
      facts: services({ xdp: 'stopped' }),
      level: 'problem',
      check: 'service',
      text: /xdp does not run/,
      command: 'sc.exe start xdp',
      fixable: true,
    },
    { fault: 'no eBPF for Windows', facts: services({ eBPFCore: 'absent' }), level: 'problem', check: 'service', text: /not installed/ },
    {
      fault: 'eBPF off in xdp',
      facts: { ebpfEnabled: false },
      level: 'problem',
      check: 'xdp-ebpf',
      text: /XdpEbpfEnabled is not set/,
      command: "reg.exe add 'HKLM\\SYSTEM\\CurrentControlSet\\Services\\xdp\\Parameters' /v XdpEbpfEnabled /t REG_DWORD /d 1 /f",
    },
    {
      fault: 'test signing off',
      facts: { testSigning: false, testSigningNext: false },
      level: 'warning',
      check: 'signing',
      text: /is off/,
      command: 'bcdedit.exe /set testsigning on',
    },
    {
      fault: 'test signing set, no restart since',
      facts: { testSigning: false, testSigningNext: true },
      level: 'problem',
      check: 'signing',
      text: /not restarted/,
      command: 'shutdown.exe /r /t 0',
    },
    { fault: 'the JIT installed', facts: services({ eBPFSvc: 'running' }), level: 'note', check: 'execution', text: /eBPFSvc/ },
    {
      fault: 'generic mode forced',
      facts: { xdpMode: 'generic' },
      level: 'warning',
      check: 'driver-mode',
      text: /generic/,
      command: "reg.exe delete 'HKLM\\SYSTEM\\CurrentControlSet\\Services\\xdp\\Parameters' /v XdpEbpfMode /f",
    },
    {
      fault: "somebody else's program",
      facts: { programs: [{ id: 3, links: 1, mode: 'JIT', type: 'xdp', name: 'other' }] },
      level: 'note',
      check: 'programs',
      text: /not Fairlead's/,
    },
    {
      fault: 'a program at no adapter',
      facts: { programs: [{ id: 3, links: 0, mode: 'NATIVE', type: 'xdp', name: 'fairlead' }] },
      level: 'warning',
      check: 'programs',
      text: /0 links/,
    },
  ];
  for (const row of rows) it(`says of ${row.fault} what it is and what mends it`, () => checkRow(row, examineBalancer(facts(row.facts))));

  it('says that Secure Boot has to go first', () => {
    const findings = examineBalancer(facts({ testSigning: false, testSigningNext: false, secureBoot: true }));
    assert.match(findings.find(({ check }) => check === 'signing')?.advice ?? '', /Secure Boot/);
  });

  it("mends adapters by Windows' own commands", () => {
    const down = { ...DEVICE, name: 'Ethernet 2', up: false };
    const found = examineBalancer({ ...facts({}), devices: [down] }).find(({ check, level }) => check === 'device' && level === 'problem');
    assert.ok(found?.command);
    assert.equal(commandText(found.command, 'powershell'), "netsh.exe interface set interface 'Ethernet 2' enabled");
  });

  it('without ebpfapi.dll tells what it sees of the machine, and that no device was looked at', async () => {
    const load = async () => {
      throw new FairleadError('FL_E_MISSING', 'ebpfapi.dll is not installed');
    };
    const examiner = makeExaminer(load, asking({ [commandText(QUESTIONS.service('eBPFCore'))]: { status: 1060, stdout: '' } }));
    const look = await examiner.balancer({ agent: new AgentDouble(), devices: ['ethernet'] });
    assert.deepEqual(look.devices, []);
    assert.equal(look.shell, 'powershell');
    const problems = look.findings.filter(({ level }) => level === 'problem').map(({ check }) => check);
    assert.deepEqual(problems, ['service', 'library']);
  });
});

describe('the doctor on a Windows backend', () => {
  const ethernet = { ...DEVICE, name: 'Ethernet', index: 4, addresses: [{ address: '20.1.1.10', prefixLength: 24 }] };
  const loopback = {
    ...DEVICE,
    name: 'fairlead-vip',
    index: 9,
    addresses: [
      { address: '40.1.1.1', prefixLength: 32 },
      { address: '2001:db8:40::1', prefixLength: 128 },
    ],
  };
  const model = (ifindex: number, family: 4 | 6) => ({ ifindex, family, weakSend: true, weakReceive: true });
  const FACTS: WindowsBackendFacts = {
    machine: MACHINE,
    devices: [ethernet],
    missing: [],
    interfaces: [ethernet, loopback],
    hostModels: [model(4, 4), model(4, 6), model(9, 4), model(9, 6)],
    vips: ['40.1.1.1', '2001:db8:40::1'],
    dispatch: 'l2',
    balancer: { address: '20.1.1.1', device: 'Ethernet', nextHop: '20.1.1.1', neighbour: 'reachable' },
    installScript: 'C:\\Program Files\\fairlead\\install.ps1',
  };

  it('finds nothing amiss when all is well', () => {
    assert.deepEqual(
      examineBackend(FACTS).filter(({ level }) => level !== 'ok'),
      [],
    );
  });

  const rows: readonly Row<WindowsBackendFacts>[] = [
    { fault: 'IPIP', facts: { ...FACTS, dispatch: 'ipip' }, level: 'problem', check: 'decap', text: /takes off the outer header/ },
    {
      fault: 'an address of one family that is nowhere',
      facts: { ...FACTS, interfaces: [ethernet, { ...loopback, addresses: loopback.addresses.slice(0, 1) }] },
      level: 'problem',
      check: 'vip',
      text: /2001:db8:40::1 is on no loopback adapter/,
      command:
        "powershell.exe -NoProfile -Command '& '\\''C:\\Program Files\\fairlead\\install.ps1'\\'' -InterfaceAlias '\\''Ethernet'\\'' -Vip '\\''40.1.1.1'\\'','\\''2001:db8:40::1'\\'''",
    },
    {
      fault: 'weak host receive off',
      facts: { ...FACTS, hostModels: [{ ...model(4, 4), weakReceive: false }, model(4, 6), model(9, 4), model(9, 6)] },
      level: 'problem',
      check: 'weak-host',
      text: /Ethernet: weak host receive is off for IPv4/,
      command: 'netsh.exe interface ipv4 set interface 4 weakhostsend=enabled weakhostreceive=enabled',
      fixable: true,
    },
    {
      fault: 'a host model that could not be seen',
      facts: { ...FACTS, hostModels: [model(4, 4), model(4, 6), model(9, 4)] },
      level: 'note',
      check: 'weak-host',
      text: /fairlead-vip: weak host send and receive of IPv6 could not be seen/,
    },
    {
      fault: 'a router between',
      facts: { ...FACTS, balancer: { address: '20.1.1.1', device: 'Ethernet', nextHop: '20.1.1.254', neighbour: 'reachable' } },
      level: 'problem',
      check: 'balancer',
      text: /a router/,
    },
    {
      fault: 'a load balancer that is silent',
      facts: { ...FACTS, balancer: { address: '20.1.1.1', device: 'Ethernet', nextHop: '20.1.1.1', neighbour: 'failed' } },
      level: 'problem',
      check: 'balancer',
      text: /does not answer/,
    },
  ];
  for (const row of rows) it(`says of ${row.fault} what it is and what mends it`, () => checkRow(row, examineBackend(row.facts)));

  it('says of an address on the link, too, that it takes it from the load balancer', () => {
    const stolen = { ...ethernet, addresses: [...ethernet.addresses, { address: '40.1.1.1', prefixLength: 32 }] };
    const found = examineBackend({ ...FACTS, interfaces: [stolen, loopback], devices: [stolen] }).filter(
      ({ level }) => level === 'problem',
    );
    assert.deepEqual(
      found.map(({ check, command }) => [check, command && commandText(command, 'powershell')]),
      [['vip', 'netsh.exe interface ipv4 delete address Ethernet 40.1.1.1']],
    );
    const alone = examineBackend({ ...FACTS, vips: ['40.1.1.1'], interfaces: [stolen], devices: [stolen] });
    assert.equal(alone.filter(({ level, check }) => level === 'problem' && check === 'vip').length, 2);
  });
});

describe('a command for PowerShell', () => {
  it('goes on in the next line by a backtick', () => {
    const command = [
      'reg.exe',
      'add',
      'HKLM\\SYSTEM\\CurrentControlSet\\Services\\xdp\\Parameters',
      '/v',
      'XdpEbpfEnabled',
      '/t',
      'REG_DWORD',
      '/f',
    ];
    const finding: Finding = { level: 'problem', check: 'xdp-ebpf', text: 'off', command };
    const text = examinationText({ devices: [], chosenBy: 'none', shell: 'powershell', findings: [finding] }, 80);
    const lines = text.split('\n').filter((line) => /reg\.exe|XdpEbpf/.test(line));
    assert.equal(lines.length, 2, text);
    assert.match(lines[0] ?? '', / `$/);
    assert.doesNotMatch(lines[1] ?? '', /[`\\]$/);
  });

  it('is quoted where PowerShell would split a word', () => {
    const words = ['x.exe', '--vip=40.1.1.1', 'a,b', "it's", '-Vip', '/v', 'HKLM\\A', '@x'];
    assert.equal(commandText(words, 'powershell'), "x.exe '--vip=40.1.1.1' 'a,b' 'it''s' -Vip /v 'HKLM\\A' '@x'");
  });
});
