// The compile step: what clang says, what the cache keeps, what the digest covers.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CompileRequest, compileObject } from '../../../../agent/control/program/compile.js';
import { findSourceDirectory, readSources } from '../../../../agent/control/program/sources.js';
import type { FairleadError } from '../../../../agent/model/errors.js';

describe('compileObject', () => {
  let directory: string;
  let request: CompileRequest;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'fairlead-compile-'));
    const sourceDirectory = join(directory, 'bpf');
    mkdirSync(join(sourceDirectory, 'sub'), { recursive: true });
    writeFileSync(join(sourceDirectory, 'sub', 'value.h'), 'static const int value = 1;\n');
    writeFileSync(join(sourceDirectory, 'small.c'), '#include "sub/value.h"\nint small(void *ctx) { return value + ADD; }\n');
    request = {
      clang: 'clang',
      cacheDirectory: join(directory, 'cache'),
      sourceDirectory,
      source: 'small.c',
      flavour: 'linux',
      macros: { ADD: 2 },
    };
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('makes an object and takes it from the cache the next time', async () => {
    const first = await compileObject(request);
    const second = await compileObject(request);
    assert.deepEqual([first.fromCache, second.fromCache], [false, true]);
    assert.deepEqual([second.objectFile, second.digest], [first.objectFile, first.digest]);
    assert.equal(readFileSync(first.objectFile).subarray(1, 4).toString(), 'ELF');
    assert.deepEqual(
      readdirSync(request.cacheDirectory).filter((name) => !name.endsWith('.o')),
      [],
    );
  });

  it('a macro, a header or the flavour make another object', async () => {
    const digests = new Set([(await compileObject(request)).digest]);
    digests.add((await compileObject({ ...request, macros: { ADD: 3 } })).digest);
    digests.add((await compileObject({ ...request, flavour: 'windows' })).digest);
    writeFileSync(join(request.sourceDirectory, 'sub', 'value.h'), 'static const int value = 9;\n');
    const changed = await compileObject(request);
    digests.add(changed.digest);
    assert.equal(digests.size, 4);
    assert.equal(changed.fromCache, false);
  });

  it('a damaged object in the cache is made anew', async () => {
    const { objectFile } = await compileObject(request);
    const good = readFileSync(objectFile);
    writeFileSync(objectFile, good.subarray(0, good.length / 2));
    const again = await compileObject(request);
    assert.equal(again.fromCache, false);
    assert.deepEqual(readFileSync(again.objectFile), good);
  });

  it('tells clang’s complaint with file and line, and where the rest is', async () => {
    writeFileSync(join(request.sourceDirectory, 'sub', 'value.h'), '\n\nint value = nonsense;\n');
    await assert.rejects(compileObject(request), (error: FairleadError) => {
      assert.equal(error.code, 'FL_E_COMPILE');
      assert.match(error.message, /sub\/value\.h:3:13: error: use of undeclared identifier 'nonsense'/);
      const log = /in (\S+)$/.exec(error.hint ?? '')?.[1] ?? '';
      assert.match(readFileSync(log, 'utf8'), /nonsense/);
      return true;
    });
  });

  it('no clang: says what to install', async () => {
    await assert.rejects(compileObject({ ...request, clang: 'clang-that-is-not-there' }), {
      code: 'FL_E_MISSING',
      message: 'clang-that-is-not-there: no such compiler',
      hint: /apt-get install clang/,
    });
  });

  it('a macro is never a shell’s word', async () => {
    const mark = join(directory, 'made-by-a-shell');
    await compileObject({ ...request, macros: { ADD: `2 /* $(touch ${mark}) ; touch ${mark} */` } });
    assert.deepEqual(
      readdirSync(directory).filter((name) => name.startsWith('made')),
      [],
    );
  });
});

describe('findSourceDirectory', () => {
  it('finds bpf/ from the sources and from a compiled tree below the package', () => {
    const root = mkdtempSync(join(tmpdir(), 'fairlead-package-'));
    try {
      mkdirSync(join(root, 'bpf'));
      mkdirSync(join(root, 'dist', 'agent', 'control'), { recursive: true });
      writeFileSync(join(root, 'package.json'), '{}');
      writeFileSync(join(root, 'bpf', 'layout.h'), '');
      assert.equal(findSourceDirectory(join(root, 'dist', 'agent', 'control')), join(root, 'bpf'));
      assert.throws(() => findSourceDirectory('/'), { code: 'FL_E_MISSING' });
      assert.ok(readSources(findSourceDirectory()).some(({ path }) => path === 'fairlead.c'));
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });
});
