// The system's packages: which programs and files are needed, which packages bring them, and how they are installed.
// Imports Node and its siblings only.
// Invariant: when nothing is missing this only looks at files; apt runs solely to install what is missing.

import { existsSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { EXIT, SetupProblem } from './problem.mjs';
import { findProgram, run } from './run.mjs';

/** One thing that is needed: a program in PATH or one of several files, and the package that brings it; `on`: on this distribution alone. */
const NEEDS = [
  { program: 'clang', package: 'clang' },
  { program: 'ip', package: 'iproute2' },
  { program: 'tc', package: 'iproute2' },
  { program: 'ethtool', package: 'ethtool' },
  { program: 'nsenter', package: 'util-linux' },
  { program: 'tcpdump', package: 'tcpdump' },
  { program: 'tshark', package: 'tshark' },
  { program: 'nginx', package: 'nginx' },
  { program: 'curl', package: 'curl' },
  { program: 'iperf3', package: 'iperf3' },
  { program: 'ping', package: 'iputils-ping' },
  { program: 'python3', package: 'python3' },
  { program: 'sysctl', package: 'procps' },
  { program: 'bpftool', package: 'bpftool' },
  // For the tests of the page. Elsewhere it is no package of the system (Ubuntu has it as a snap): those tests are skipped there.
  { program: 'chromium', package: 'chromium', on: 'debian' },
  { files: ['/usr/include/bpf/bpf_helpers.h'], package: 'libbpf-dev' },
  { files: ['/usr/include/linux/bpf.h'], package: 'linux-libc-dev' },
  { library: 'libbpf.so.1', package: 'libbpf1' },
];

const LIBRARY_FOLDERS = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib64', '/usr/lib', '/usr/local/lib'];

/**
 * Packages that this machine lacks, each once, in the order of the list.
 * @param {{hasProgram: (name: string) => boolean, hasFile: (path: string) => boolean, distribution: string}} machine
 * @returns {string[]}
 */
export function missingPackages(machine) {
  const missing = NEEDS.filter((need) => {
    if (need.on && need.on !== machine.distribution) return false;
    if (need.program) return !machine.hasProgram(need.program);
    if (need.library) return !LIBRARY_FOLDERS.some((folder) => machine.hasFile(`${folder}/${need.library}`));
    return !need.files.some((file) => machine.hasFile(file));
  });
  const names = missing.flatMap((need) =>
    need.package === 'bpftool' && machine.distribution === 'ubuntu' ? ['linux-tools-common', 'linux-tools-generic'] : [need.package],
  );
  return [...new Set(names)];
}

/** Name of the distribution as in /etc/os-release ('debian', 'ubuntu', ...); '' when there is none. */
export function distribution() {
  try {
    return /^ID="?([a-z0-9._-]+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? '';
  } catch {
    return '';
  }
}

/**
 * Ubuntu's /usr/sbin/bpftool only starts the one made for exactly the running kernel, and refuses on any other.
 * Every version of it works for what is done here, so the newest one installed is put before it in PATH.
 */
export function usableBpftool() {
  const found = findProgram('bpftool');
  if (found === undefined) return false;
  const root = '/usr/lib/linux-tools';
  if (found !== '/usr/sbin/bpftool' || !existsSync(root)) return true;
  if (run(['bpftool', 'version'], { check: false }).status === 0) return true;
  const newest = readdirSync(root)
    .map((folder) => `${root}/${folder}/bpftool`)
    .filter(existsSync)
    .sort()
    .at(-1);
  if (newest === undefined) return false;
  symlinkSync(newest, '/usr/local/sbin/bpftool');
  return true;
}

/** @returns {string[]} packages that are missing here */
export function missingHere() {
  const id = distribution();
  return missingPackages({
    distribution: id,
    hasFile: existsSync,
    hasProgram: (name) => (name === 'bpftool' ? usableBpftool() : findProgram(name) !== undefined),
  });
}

/**
 * Installs packages by apt without letting any of them start a service: Debian's nginx would listen on port 80 at once.
 * A service that ran before is not touched: nothing is stopped or disabled.
 * @param {string[]} packages
 */
export function installPackages(packages) {
  if (packages.length === 0) return;
  if (findProgram('apt-get') === undefined) {
    throw new SetupProblem(
      EXIT.unsupported,
      `missing here: ${packages.join(', ')} (names as on Debian), and there is no apt to install them`,
      "install them with this system's own package manager and run this again",
    );
  }
  const env = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const hint = `try \`apt-get install ${packages.join(' ')}\` by hand`;
  withoutServiceStarts(() => {
    run(['apt-get', 'update', '-qq'], { env, hint });
    run(['apt-get', 'install', '-y', '-qq', '--no-install-recommends', ...packages], { env, hint });
  });
}

/** Debian's policy-rc.d: status 101 means that no service may be started (invoke-rc.d(8)). A policy that exists stays. */
function withoutServiceStarts(action) {
  const policy = '/usr/sbin/policy-rc.d';
  if (existsSync(policy)) return action();
  const remove = () => rmSync(policy, { force: true });
  const onSignal = () => {
    remove();
    process.exit(EXIT.failed);
  };
  writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  try {
    return action();
  } finally {
    remove();
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}
