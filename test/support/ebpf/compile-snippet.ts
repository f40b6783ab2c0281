// Compiles a few lines of C to a BPF object, for tests of what reads objects.
// Imports node's own modules. Needs clang.

import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BpfObject, parseObject } from './object.js';

/** What every snippet has in front: how maps and sections are declared, and three helpers by Windows' numbers. */
export const PRELUDE = `
typedef unsigned int u32; typedef unsigned long long u64;
#define SEC(name) __attribute__((section(name), used))
#define __uint(name, number) int (*name)[number]
#define __type(name, type) __typeof__(type) *name
#define __array(name, type) __typeof__(type) *name[]
#define NOINLINE __attribute__((noinline, weak))
struct ctx { void *data; void *data_end; u64 meta; u32 ifindex; u32 queue; };
static void *(*const lookup)(void *map, const void *key) = (void *)1;
struct { __uint(type, 2); __uint(max_entries, 4); __type(key, u32); __type(value, u64[251]); } table SEC(".maps");
`;

/** The object of PRELUDE and the source. `-g` is among the options unless they are given. */
export function compileSnippet(source: string, options: readonly string[] = ['-g']): BpfObject {
  const file = join(tmpdir(), `fairlead-snippet-${process.pid}.o`);
  try {
    execFileSync('clang', ['-O2', ...options, '-Wall', '-target', 'bpf', '-mcpu=v3', '-x', 'c', '-c', '-', '-o', file], {
      input: PRELUDE + source,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    return parseObject(readFileSync(file));
  } finally {
    rmSync(file, { force: true });
  }
}
