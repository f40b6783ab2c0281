// Checks of a Windows machine: rights, services, eBPF in xdp, signing, native drivers or JIT, the library.
// Imports its neighbours alone.
// Invariant: what needs a restart of the machine or of xdp is never --fix's to do.

import { fine, type Finding } from '../../finding.js';
import type { ServiceName, WindowsMachine } from '../facts.js';
import { startService } from '../remedies.js';
import { XDP_PARAMETERS } from '../tools.js';

export function checkRights({ elevated }: Pick<WindowsMachine, 'elevated'>): readonly Finding[] {
  if (elevated !== false) return [];
  return [
    {
      level: 'warning',
      check: 'rights',
      text: 'not run as an administrator',
      why: 'Programs, boot options and pins cannot be seen, and the agent cannot load anything.',
      advice: 'Run it in a PowerShell that was started by "Run as administrator".',
    },
  ];
}

const NEEDED: Readonly<Record<Exclude<ServiceName, 'eBPFSvc'>, { readonly what: string; readonly install: string }>> = {
  eBPFCore: {
    what: 'It holds maps and programs.',
    install: 'Install eBPF for Windows: docs/windows.md.',
  },
  xdp: {
    what: 'It hands frames to the program.',
    install: 'Install XDP for Windows: docs/windows.md.',
  },
};

export function checkServices({ services }: WindowsMachine): readonly Finding[] {
  return (['eBPFCore', 'xdp'] as const).flatMap((name): readonly Finding[] => {
    const state = services[name];
    const { what, install } = NEEDED[name];
    if (state === undefined) return [{ level: 'note', check: 'service', text: `service ${name} could not be asked for (sc.exe)` }];
    if (state === 'running') return [fine('service', `service ${name} runs`)];
    if (state === 'absent')
      return [{ level: 'problem', check: 'service', text: `service ${name} is not installed`, why: what, advice: install }];
    const stopped = `service ${name} does not run`;
    return [{ level: 'problem', check: 'service', text: stopped, why: what, command: startService(name), harmless: true }];
  });
}

/** XDP for Windows gives eBPF no hook unless it is told to. */
export function checkXdpEbpf({ services, ebpfEnabled }: WindowsMachine): readonly Finding[] {
  if (services.xdp === 'absent' || ebpfEnabled === undefined) return [];
  if (ebpfEnabled) return [fine('xdp-ebpf', 'XdpEbpfEnabled is set')];
  return [
    {
      level: 'problem',
      check: 'xdp-ebpf',
      text: 'XdpEbpfEnabled is not set: xdp takes no eBPF programs',
      why: 'XDP for Windows reads it when it starts, and it is off unless somebody sets it. An update of XDP for Windows takes it away.',
      command: ['reg.exe', 'add', XDP_PARAMETERS, '/v', 'XdpEbpfEnabled', '/t', 'REG_DWORD', '/d', '1', '/f'],
      advice:
        'Then `Restart-Service xdp`, which ends what others have at xdp, and xdpbpfexport.exe once, so that the verifier knows the type.',
    },
  ];
}

export function checkSigning({ testSigning, testSigningNext, secureBoot }: WindowsMachine): readonly Finding[] {
  if (testSigning === undefined) return [];
  if (testSigning) return [fine('signing', 'test-signed drivers are taken')];
  if (testSigningNext === true) {
    return [
      {
        level: 'problem',
        check: 'signing',
        text: 'test signing is set, and the machine was not restarted since',
        why: 'A driver that you made from the object is test-signed; Windows refuses to load it until then.',
        command: ['shutdown.exe', '/r', '/t', '0'],
      },
    ];
  }
  return [
    {
      level: 'warning',
      check: 'signing',
      text: 'test signing is off',
      why: 'Windows then loads drivers alone that Microsoft has signed; one that you made from the object (--bpf-object=FILE.sys) is not.',
      command: ['bcdedit.exe', '/set', 'testsigning', 'on'],
      advice: `Then restart.${secureBoot === true ? ' Secure Boot is on and refuses the setting: switch it off in the firmware first.' : ''}`,
    },
  ];
}

/** Only native drivers load everywhere; the object's way through the just-in-time compiler is not open to a program of this size. */
export function checkExecution({ services, memoryIntegrity }: WindowsMachine): readonly Finding[] {
  const { eBPFSvc: jit } = services;
  if (jit === undefined || services.eBPFCore === 'absent') return [];
  if (jit === 'absent') return [fine('execution', 'native drivers alone: give the agent --bpf-object=FILE.sys')];
  const blocked = memoryIntegrity === true ? ', and memory integrity (HVCI) keeps its code from running' : '';
  return [
    {
      level: 'note',
      check: 'execution',
      text: `the service for object files (eBPFSvc) is ${jit === 'running' ? 'here' : 'installed'}${blocked}`,
      why: 'Its just-in-time compiler has no room for a program of this size, whatever it is given (docs/windows-data-plane.md).',
      advice: 'Give the agent a native driver: --bpf-object=FILE.sys. docs/windows.md says how to make one.',
    },
  ];
}

export function checkDriverMode({ xdpMode }: WindowsMachine): readonly Finding[] {
  if (xdpMode === undefined) return [];
  if (xdpMode !== 'generic') return [fine('driver-mode', `xdp picks the driver's hook: ${xdpMode}`)];
  return [
    {
      level: 'warning',
      check: 'driver-mode',
      text: 'XdpEbpfMode is 0: programs run in generic mode, whatever the driver can',
      why: 'In generic mode each frame goes through NDIS first.',
      command: ['reg.exe', 'delete', XDP_PARAMETERS, '/v', 'XdpEbpfMode', '/f'],
      advice: 'Then `Restart-Service xdp`; xdp picks by itself.',
    },
  ];
}

/** What runs there, as `netsh ebpf show programs` has it. */
export function checkPrograms({ programs }: WindowsMachine): readonly Finding[] {
  const xdp = (programs ?? []).filter(({ type }) => type === 'xdp');
  return xdp.map(({ id, name, mode, links }): Finding => {
    const text = `program ${id} ${name}: ${mode}, ${links === 1 ? '1 link' : `${links} links`}`;
    if (name !== 'fairlead')
      return {
        level: 'note',
        check: 'programs',
        text: `${text}; it is not Fairlead's`,
        why: 'One program at an adapter: the agent refuses to take its place.',
      };
    if (links > 0) return fine('programs', text);
    return {
      level: 'warning',
      check: 'programs',
      text,
      why: 'It is loaded and at no adapter, so it gets no frames.',
      advice: 'Start the agent, or take what is left away: `fairlead unload`.',
    };
  });
}

export function checkLibrary({ libraryTrouble }: Pick<WindowsMachine, 'libraryTrouble'>): readonly Finding[] {
  if (libraryTrouble === undefined) return [fine('library', 'ebpfapi.dll')];
  return [
    {
      level: 'problem',
      check: 'library',
      text: `ebpfapi.dll cannot be used: ${libraryTrouble}`,
      why: 'The agent speaks to the kernel through it; so does this command: no device was looked at.',
      advice: 'Install eBPF for Windows, and open a new terminal, which then has its folder on the PATH: docs/windows.md.',
    },
  ];
}
