// A name for this boot of the machine.
// May import node:child_process, node:crypto, node:os.
// Invariant: the same for every process until the next start.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { hostname, uptime } from 'node:os';

const KEY = 'HKLM\\SYSTEM\\CurrentControlSet\\Control\\Session Manager\\Memory Management\\PrefetchParameters';
const MINUTE = 60;

let known: string | undefined;

/** As a UUID is written. */
export function bootIdentity(): string {
  known ??= format(readBootId() ?? estimateStart());
  return known;
}

/** Windows counts its starts. */
function readBootId(): string | undefined {
  const { stdout } = spawnSync('reg.exe', ['query', KEY, '/v', 'BootId'], { encoding: 'latin1', timeout: 5000, windowsHide: true });
  return /BootId\s+REG_DWORD\s+(0x[0-9a-f]+)/i.exec(stdout ?? '')?.[1];
}

/** Where it does not tell: the minute in which it started, give or take what the clock was set since. */
function estimateStart(): string {
  return `started in minute ${Math.round((Date.now() / 1000 - uptime()) / MINUTE)}`;
}

function format(text: string): string {
  const digits = createHash('sha256').update(`${hostname()} ${text}`).digest('hex');
  return [digits.slice(0, 8), digits.slice(8, 12), digits.slice(12, 16), digits.slice(16, 20), digits.slice(20, 32)].join('-');
}
