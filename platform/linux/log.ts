// libbpf's own messages: kept, not printed, so that an error can say what libbpf knew; and the verifier's log.
// May import koffi and its siblings.
// Invariant: nothing of libbpf reaches stderr once captureLibbpfLog() was called.

import koffi from 'koffi';
import type { Context } from './context.js';
import type { PrintPtr } from './libbpf.js';

const KEPT_LINES = 20;
const LEVEL_DEBUG = 2;
const lines: string[] = [];
let registered: PrintPtr | undefined;

/** Takes libbpf's messages over, once a process. */
export function captureLibbpfLog(context: Context): void {
  if (registered !== undefined) return;
  const text = Buffer.alloc(1024);
  const print = (level: number, format: bigint, args: bigint): number => {
    if (level >= LEVEL_DEBUG) return 0;
    // A va_list is passed as a pointer on x86-64 and arm64; vsnprintf takes it as it came.
    const length = context.libc.vsnprintf(text, text.length, format, args);
    const line = text.toString('utf8', 0, Math.max(0, Math.min(length, text.length - 1))).trim();
    if (line !== '') lines.push(line);
    if (lines.length > KEPT_LINES) lines.shift();
    return 0;
  };
  const type = koffi.pointer(koffi.proto('int', ['int', 'void *', 'void *']));
  registered = koffi.register(print, type) as PrintPtr;
  context.bpf.libbpf_set_print(registered);
}

/** Forgets what was said so far. */
export function clearLibbpfLog(): void {
  lines.length = 0;
}

/** libbpf's last messages, oldest first, without its "libbpf: " prefix. */
export function libbpfLog(): readonly string[] {
  return lines.map((line) => line.replace(/^libbpf: /, ''));
}

/** Text of a verifier log that the kernel wrote into `buffer`, up to its NUL. */
export function readLog(buffer: Buffer): string {
  const end = buffer.indexOf(0);
  return buffer.toString('utf8', 0, end < 0 ? buffer.length : end).trim();
}

/** Lines that only say where the verifier was: statistics, source, instructions, register states, history; and one that repeats the line before. */
const NOT_TELLING =
  /^(processed \d+ insns|verification time|stack depth|max_states|;|\d+: |from \d+ to |R\d+(_w)?=|last_idx|regs=|mark_precise|parent |R\d+ offset is outside)/;

/** The line of a verifier log that says why the program was refused: the last one that is none of the above. */
export function tellingLine(log: string): string {
  const lines = log.split('\n').map((line) => line.trim());
  return lines.filter((line) => line !== '' && !NOT_TELLING.test(line)).at(-1) ?? 'the verifier gave no reason';
}
