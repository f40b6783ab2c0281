// The check by a program of this machine: it ends with 0.
// Imports node:child_process, agent/model and its siblings. Whether programs may be run at all is agent/control's matter.
// Invariant: no shell; nothing of the agent's environment but PATH; at the time limit the program is killed with its process group.

import { type ChildProcess, spawn } from 'node:child_process';
import { formatFrontend } from '../model/format.js';
import type { HealthCheck } from '../model/health.js';
import { attempt, type Stop } from './attempt.js';
import type { Subject } from './subject.js';

/** What is kept of its output; more is read and thrown away, so that the program does not wait for a reader. */
const KEPT_OUTPUT = 1024;
const LONGEST_REASON = 100;
/** Milliseconds after its end. */
const LAST_OUTPUT = 100;
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export function probeExec({ command = [], timeout }: HealthCheck, subject: Subject, stop: Stop): Promise<void> {
  return attempt(timeout, stop, (end) => {
    const [program = '', ...args] = command;
    const child = spawn(program, args, {
      cwd: '/',
      env: environmentOf(subject),
      // A process group of its own: what the program starts is killed with it.
      detached: true,
      windowsHide: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text: string) => {
        output = (output + text).slice(0, KEPT_OUTPUT);
      });
    }
    child.on('error', (error: NodeJS.ErrnoException) => end(error.code === 'ENOENT' ? `${program}: no such program` : error.message));
    let rest: NodeJS.Timeout | undefined;
    child.on('exit', (code, signal) => {
      const tell = () => end(failureOf(code, signal, output));
      // The rest of its output; a background process that holds that open does not hold up the verdict.
      child.on('close', tell);
      rest = setTimeout(tell, LAST_OUTPUT);
    });
    return () => {
      clearTimeout(rest);
      child.stdout.destroy();
      child.stderr.destroy();
      killGroup(child);
    };
  });
}

function environmentOf({ service, frontend, backend, at }: Subject): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'] ?? PATH,
    FAIRLEAD_SERVICE: String(service),
    FAIRLEAD_FRONTEND: formatFrontend(frontend),
    FAIRLEAD_BACKEND_ADDRESS: at.address,
    FAIRLEAD_BACKEND_PORT: String(at.port || backend.port),
  };
}

/** What is left of the group; after the program's end often nothing. */
function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  if (process.platform === 'win32') return void killTree(child, child.pid);
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // ESRCH: all of it has ended.
  }
}

/** Windows has no groups, but knows who started whom, as long as it lives: the number of a program that has ended may be another's by now. */
function killTree(child: ChildProcess, pid: number): void {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const killAlone = () => void child.kill('SIGKILL');
  spawn('taskkill.exe', ['/T', '/F', '/PID', String(pid)], { stdio: 'ignore', windowsHide: true })
    .on('error', killAlone)
    .on('exit', (code) => code === 0 || killAlone());
}

/** Undefined: it passed. */
function failureOf(code: number | null, signal: string | null, output: string): string | undefined {
  if (code === 0) return undefined;
  const [line = ''] = output.trim().split('\n');
  // Output is anything: only what a table can show is taken.
  const said = line.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, LONGEST_REASON);
  return `${code === null ? `ended by ${signal}` : `exit status ${code}`}${said === '' ? '' : `: ${said}`}`;
}
