// From the C sources and this machine's macros to an object file, by clang or from the cache.
// Imports its siblings, agent/model and node's own modules.
// Invariant: the digest covers all that the object depends on: sources, arguments, macros, the compiler's version.

import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { FairleadError } from '../../model/errors.js';
import { probeClang, runClang } from './clang.js';
import { findCachedObject, storeObject } from './object-cache.js';
import { readSources } from './sources.js';
import { writeFileAtomically } from '../write-file.js';

export interface CompileRequest {
  readonly clang: string;
  readonly cacheDirectory: string;
  /** Folder of the sources; it is the only include folder of ours. */
  readonly sourceDirectory: string;
  /** The file to compile, below sourceDirectory. */
  readonly source: string;
  readonly flavour: 'linux' | 'windows';
  readonly macros: Readonly<Record<string, string | number>>;
}

export interface CompiledObject {
  readonly objectFile: string;
  /** 16 hex digits that name sources, macros and compiler. */
  readonly digest: string;
  readonly fromCache: boolean;
  readonly milliseconds: number;
}

/** Compiles one BPF object. Throws FL_E_COMPILE with clang's first complaint (file and line), FL_E_MISSING without clang. */
export async function compileObject(request: CompileRequest): Promise<CompiledObject> {
  const began = performance.now();
  const facts = await probeClang(request.clang);
  const args = compilerArguments(request, facts.includeDirectory);
  const digest = digestOf(request, args, facts.version);
  const name = basename(request.source, '.c');
  const cached = findCachedObject(request.cacheDirectory, name, digest);
  const objectFile = cached ?? storeObject(request.cacheDirectory, name, digest, await runCompiler(request, args));
  return { objectFile, digest, fromCache: cached !== undefined, milliseconds: performance.now() - began };
}

function compilerArguments(request: CompileRequest, includeDirectory: string | undefined): readonly string[] {
  const macros = Object.entries(request.macros).sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    '-O2',
    '-fno-strict-aliasing', // the program reads and writes some fields by larger words, as kernel code does
    '-g',
    '-Wall',
    '-Werror',
    '-target',
    'bpf',
    '-mcpu=v3',
    '-I',
    '.',
    ...(includeDirectory === undefined ? [] : [`-I${includeDirectory}`]),
    `-DFL_PLATFORM_${request.flavour.toUpperCase()}=1`,
    ...macros.map(([key, value]) => `-D${key}=${value}`),
  ];
}

function digestOf(request: CompileRequest, args: readonly string[], version: string): string {
  const hash = createHash('sha256');
  const add = (part: string | Buffer) => hash.update(`${part.length}:`).update(part);
  for (const part of [version, request.source, ...args]) add(part);
  for (const file of readSources(request.sourceDirectory)) {
    add(file.path);
    add(file.content);
  }
  return hash.digest('hex').slice(0, 16);
}

/** Runs inside the source folder, so that names in diagnostics and debug information do not depend on where the package stands. */
async function runCompiler(request: CompileRequest, args: readonly string[]): Promise<Buffer> {
  mkdirSync(request.cacheDirectory, { recursive: true });
  const directory = mkdtempSync(join(resolve(request.cacheDirectory), 'compile-'));
  try {
    const output = join(directory, 'object.o');
    const run = await runClang(request.clang, [...args, '-c', request.source, '-o', output], request.sourceDirectory);
    if (!run.succeeded) throw compileError(request, run.stderr);
    return readFileSync(output);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function compileError(request: CompileRequest, diagnostics: string): FairleadError {
  const log = join(request.cacheDirectory, `${basename(request.source, '.c')}.compile.log`);
  writeFileAtomically(log, diagnostics);
  const first = diagnostics.split('\n').find((line) => /error:/.test(line)) ?? diagnostics.trim().split('\n')[0] ?? '';
  const missingHeader = /fatal error: '(?:bpf|linux|asm)\//.test(first);
  return new FairleadError('FL_E_COMPILE', `${request.source} does not compile: ${first}`, {
    hint: missingHeader ? 'apt-get install libbpf-dev linux-libc-dev' : `all that clang said is in ${log}`,
    cause: diagnostics,
  });
}
