// The files that the page is made of, in memory: its own, and uPlot's out of node_modules.
// Imports Node only.
// Invariant: what is served is in memory from the start; no part of a request becomes a path.

import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface PageFile {
  readonly type: string;
  readonly body: Buffer;
}

/** Beside this file, among the sources and in dist/ alike (tools/setup/project.mjs copies it). */
const OWN = fileURLToPath(new URL('./page/', import.meta.url));

/** Others in that folder are not served: tsconfig.json checks the scripts. */
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** By the path of the request. Throws what the file system says of a file that is missing. */
export function readPageFiles(): ReadonlyMap<string, PageFile> {
  const uplot = join(dirname(createRequire(import.meta.url).resolve('uplot/package.json')), 'dist');
  const own = readdirSync(OWN).map((name) => [name === 'index.html' ? '/' : `/${name}`, join(OWN, name)] as const);
  const files = [...own, ['/uplot.js', join(uplot, 'uPlot.esm.js')] as const, ['/uplot.css', join(uplot, 'uPlot.min.css')] as const];
  return new Map(
    files.flatMap(([path, file]) => {
      const type = TYPES[extname(file)];
      return type === undefined ? [] : [[path, { type, body: readFileSync(file) }] as const];
    }),
  );
}
