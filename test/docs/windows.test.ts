// The pages about Windows against the project: links and anchors, flags, checks, scripts and files that they name.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { LOOPBACK_ADAPTER } from '../../agent/doctor/windows/remedies.js';

const root = new URL('../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const PAGES = ['docs/windows.md', 'docs/windows-data-plane.md', 'docs/limits.md', 'docs/doctor.md', 'samples/windows-5-vm/README.md'];

/** As GitHub makes them from headings. */
const anchorsOf = (page: string): readonly string[] =>
  [...page.matchAll(/^#+ (.*)$/gm)].map(([, text = '']) =>
    text
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );

describe('the pages about Windows', () => {
  for (const page of PAGES) {
    it(`${page} links only to files and headings that exist`, () => {
      const text = read(page);
      const links = [...text.matchAll(/\]\(([^)#\s]*)(?:#([^)\s]+))?\)/g)].filter(([, path]) => !/^https?:/.test(path ?? ''));
      const broken = links.filter(([, path = '', anchor]) => {
        const target = path === '' ? new URL(page, root) : new URL(path, new URL(page, root));
        if (!existsSync(target)) return true;
        return anchor !== undefined && !anchorsOf(readFileSync(target, 'utf8')).includes(anchor);
      });
      assert.deepEqual(
        broken.map(([link]) => link),
        [],
      );
    });
  }

  for (const page of ['docs/windows.md', 'samples/windows-5-vm/README.md', 'samples/windows-5-vm/verify.ps1']) {
    it(`${page} names only flags that the reference or the scripts have`, () => {
      const known = `${read('docs/commands.md')} ${read('backends/linux/install.sh')} --platform --global --fix`;
      const flags = [...read(page).matchAll(/(?<![\w-])(--[a-z][a-z-]+)/g)].map(([, flag = '']) => flag);
      assert.ok(flags.length > 8);
      assert.deepEqual(
        [...new Set(flags)].filter((flag) => !new RegExp(`${flag}(?![a-z-])`).test(known)),
        [],
      );
    });
  }

  it('name only parameters that the scripts have', () => {
    const calls = PAGES.flatMap((page) => [...read(page).matchAll(/\b(install|uninstall|verify)\.ps1((?: +-?[\w.,:'\\|]+)*)/g)]);
    assert.ok(calls.length > 5);
    for (const [, name = '', rest = ''] of calls) {
      const script = read(name === 'verify' ? 'samples/windows-5-vm/verify.ps1' : `backends/windows/${name}.ps1`);
      for (const [, parameter] of rest.matchAll(/ -(\w+)/g))
        assert.match(
          script,
          parameter === 'WhatIf' ? /SupportsShouldProcess/ : new RegExp(`\\] \\$${parameter}\\b`),
          `${name} -${parameter}`,
        );
    }
  });

  it('list every check of the doctor, and no other', () => {
    const folder = new URL('agent/doctor/windows/checks/', root);
    const sources = readdirSync(folder).map((file) => readFileSync(new URL(file, folder), 'utf8'));
    const made = sources.flatMap((text) =>
      [...text.matchAll(/\bcheck: '([\w-]+)'|\bfine\('([\w-]+)'/g)].map(([, one, other]) => one ?? other),
    );
    const rows = [...read('docs/windows.md').matchAll(/^\| `([\w-]+)` \| (?:both|balancer|backend) \|/gm)].map((match) => match[1]);
    assert.deepEqual(rows.toSorted(), [...new Set(made)].toSorted());
  });

  it('call the loopback adapter what the script calls it', () => {
    assert.ok(read('backends/windows/common.ps1').includes(`$FairleadAdapter = '${LOOPBACK_ADAPTER}'`));
    assert.ok(read('docs/windows.md').includes(`\`${LOOPBACK_ADAPTER}\``));
  });

  it('show the five machines as a picture that is well formed', () => {
    const picture = read('samples/windows-5-vm/network.svg');
    const open: string[] = [];
    for (const [, closing, name = '', alone] of picture.matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/gi)) {
      if (alone === '/') continue;
      if (closing !== '/') open.push(name);
      else assert.equal(open.pop(), name);
    }
    assert.deepEqual(open, []);
    for (const address of ['20.1.1.1', '20.1.1.10', '20.1.1.20', '20.1.1.30', '20.1.1.40', '20.1.1.100'])
      assert.ok(picture.includes(`>${address}`), address);
  });
});
