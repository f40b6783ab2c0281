// Checks of the machine itself: rights, kernel, BTF, JIT, libbpf, compiler, memory, the BPF file system.
// Imports its neighbours alone.
// Invariant: what only an agent that is to be started needs is no problem where one runs.

import { setSetting } from '../commands.js';
import type { MachineFacts } from '../facts.js';
import { type Finding, fine } from '../finding.js';

const MIB = 1 << 20;
/** Of all maps at default sizes: docs/benchmarks.md, "MiB of maps, default sizes". */
const TABLES = 128 * MIB;
const INSTALL_COMPILER = ['apt-get', 'install', '-y', 'clang', 'libbpf-dev', 'linux-libc-dev'];

export function checkRights({ root }: MachineFacts): readonly Finding[] {
  if (root) return [];
  return [
    {
      level: 'warning',
      check: 'rights',
      text: 'not run as root',
      why: 'Whose program is on a device, and some settings, cannot be seen.',
      advice: 'Run it as root.',
    },
  ];
}

export function checkKernel({ kernelRelease, btf, jit }: MachineFacts): readonly Finding[] {
  const [major = 0, minor = 0] = kernelRelease.split('.').map((part) => Number.parseInt(part, 10));
  const isBefore = (wantedMajor: number, wantedMinor: number) => major < wantedMajor || (major === wantedMajor && minor < wantedMinor);
  const findings: Finding[] = [];
  if (isBefore(5, 15)) {
    findings.push({
      level: 'problem',
      check: 'kernel',
      text: `kernel ${kernelRelease} is older than 5.15`,
      why: 'The data plane uses what older kernels do not have: they refuse to load it.',
      advice: 'Boot a kernel of 5.15 or later.',
    });
  } else if (isBefore(5, 18)) {
    findings.push({
      level: 'note',
      check: 'kernel',
      text: `kernel ${kernelRelease} is older than 5.18: no jumbo frames`,
      why: 'A program takes frames of several buffers from 5.18 on; an MTU of more than about 3500 bytes is refused by the drivers.',
    });
  } else findings.push(fine('kernel', `kernel ${kernelRelease}`));
  findings.push(
    btf
      ? fine('btf', 'BTF: the kernel describes its types')
      : {
          level: 'warning',
          check: 'btf',
          text: 'the kernel has no BTF (/sys/kernel/btf/vmlinux)',
          why: 'Fairlead is developed and tested on kernels that have it; tools show less of programs and maps.',
          advice: 'Use a kernel that is built with CONFIG_DEBUG_INFO_BTF=y, as those of the distributions are.',
        },
  );
  if (jit === 0) {
    findings.push({
      level: 'warning',
      check: 'jit',
      text: 'BPF programs are interpreted (net.core.bpf_jit_enable = 0)',
      why: 'Each packet costs several times as much as with machine code.',
      command: setSetting('net.core.bpf_jit_enable', 1),
    });
  } else if (jit !== undefined) findings.push(fine('jit', 'BPF programs become machine code'));
  return findings;
}

/** `running`: an agent or its data plane is at work here. */
export function checkTools({ libraryTrouble, clang, bpfHeaders }: MachineFacts, running: boolean): readonly Finding[] {
  if (libraryTrouble !== undefined) {
    return [
      {
        level: 'problem',
        check: 'libbpf',
        text: `libbpf cannot be used: ${libraryTrouble}`,
        why: 'The agent speaks to the kernel through it; so does this command: no device was looked at.',
        command: ['apt-get', 'install', '-y', 'libbpf1'],
      },
    ];
  }
  const level = running ? 'note' : 'problem';
  const why = running
    ? 'The running program is not touched by it; a start with other settings has to compile one.'
    : 'The agent compiles its program for this machine.';
  const advice =
    'Or name another compiler (--clang=clang-15), or an object that was built elsewhere by npm run build:bpf (--bpf-object=FILE).';
  if (clang === undefined) {
    return [{ level, check: 'clang', text: 'clang is not installed', why, command: INSTALL_COMPILER, advice }, fine('libbpf', 'libbpf')];
  }
  if (!bpfHeaders) {
    const text = "libbpf's headers are not installed (bpf/bpf_helpers.h)";
    return [{ level, check: 'clang', text, why, command: INSTALL_COMPILER, advice }, fine('libbpf', 'libbpf')];
  }
  return [fine('libbpf', 'libbpf'), fine('clang', clang)];
}

export function checkMemory({ memoryAvailable }: MachineFacts, running: boolean): readonly Finding[] {
  if (memoryAvailable === undefined) return [];
  const text = `${Math.floor(memoryAvailable / MIB)} MiB of memory are available`;
  // The tables of one that runs are taken already: the kernel gives maps their memory when they are made.
  const needed = running ? 0 : TABLES;
  if (memoryAvailable >= needed + TABLES) return [fine('memory', text)];
  return [
    {
      level: memoryAvailable < needed ? 'problem' : 'warning',
      check: 'memory',
      text,
      why: `The tables of the data plane take ${TABLES / MIB} MiB at default sizes, and a start beside a running data plane may need them twice.`,
      advice: 'Give the machine more, or the agent smaller tables: --max-flows=65536.',
    },
  ];
}

export function checkBpfFileSystem({ bpfFileSystem }: MachineFacts): readonly Finding[] {
  if (bpfFileSystem) return [fine('bpffs', 'BPF file system at /sys/fs/bpf')];
  return [
    {
      level: 'warning',
      check: 'bpffs',
      text: 'no BPF file system at /sys/fs/bpf',
      why:
        'The data plane is pinned there, so that it outlives the agent. The agent mounts one; but in a mount namespace of its own ' +
        '(`ip netns exec` makes one) it goes with that, and what is pinned elsewhere is not seen: enter a namespace by nsenter --net=FILE.',
      command: ['mount', '-t', 'bpf', 'bpf', '/sys/fs/bpf'],
      harmless: true,
    },
  ];
}
