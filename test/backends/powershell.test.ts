// Every PowerShell script of the project: syntax by a grammar, and rules of PSScriptAnalyzer that a tree can show. No PowerShell runs here.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import type { Node } from 'web-tree-sitter';
import { findFaults, makePowerShellParser } from '../support/powershell.js';

const root = new URL('../../', import.meta.url);
const FOLDERS = ['backends/windows/', 'samples/windows-5-vm/'];

describe('PowerShell scripts', function () {
  this.timeout(20_000);
  const scripts = FOLDERS.flatMap((folder) => readdirSync(new URL(folder, root)).map((name) => `${folder}${name}`)).filter((path) =>
    path.endsWith('.ps1'),
  );
  let parse: (text: string) => Node;
  before(async () => {
    parse = await makePowerShellParser();
  });

  it('are there', () => {
    for (const name of ['backends/windows/install.ps1', 'backends/windows/uninstall.ps1', 'samples/windows-5-vm/verify.ps1'])
      assert.ok(scripts.includes(name), name);
  });

  for (const path of scripts) {
    it(`${path} parses, and keeps the rules`, () => {
      assert.deepEqual(findFaults(parse(readFileSync(new URL(path, root), 'utf8'))), []);
    });

    // Windows PowerShell 5.1 reads a file without a byte order mark as the machine's old code page.
    it(`${path} is ASCII`, () => {
      assert.doesNotMatch(readFileSync(new URL(path, root), 'utf8'), /[^\n -~]/);
    });
  }

  for (const path of scripts.filter((name) => /\/(?:un)?install\.ps1$|verify\.ps1$/.test(name))) {
    it(`${path} supports -WhatIf, and has help with a synopsis, each parameter and an example`, () => {
      const text = readFileSync(new URL(path, root), 'utf8');
      assert.match(text, /^\[CmdletBinding\(SupportsShouldProcess\)\]\nparam\(/m);
      const [help = ''] = /<#[\s\S]*?#>/.exec(text) ?? [];
      for (const part of ['SYNOPSIS', 'DESCRIPTION', 'EXAMPLE']) assert.match(help, new RegExp(`^\\.${part}$`, 'm'));
      const block = /^param\(\n([\s\S]*?)^\)/m.exec(text)?.[1] ?? '';
      const parameters = [...block.matchAll(/\] \$(\w+)/g)].map((match) => match[1]);
      assert.deepEqual(
        [...help.matchAll(/^\.PARAMETER (\w+)$/gm)].map((match) => match[1]),
        parameters,
      );
    });
  }

  const FAULTS: readonly (readonly [string, RegExp])[] = [
    ['function Get-X {\n  [CmdletBinding()]\n  param()\n', /not PowerShell/],
    ['Get-Item x | % { $_ }\n', /% is an alias/],
    ['Write-Host hello\n', /Write-Host is not to be used/],
    ['function Make-X {\n  [CmdletBinding()]\n  param()\n  1\n}\n', /approved verb/],
    ['function Get-X {\n  1\n}\n', /no CmdletBinding/],
    ['function Remove-X {\n  [CmdletBinding()]\n  param()\n  1\n}\n', /does not support ShouldProcess/],
    ['function Remove-X {\n  [CmdletBinding(SupportsShouldProcess)]\n  param()\n  1\n}\n', /never asks/],
    ['Set-NetIPInterface -InterfaceIndex 4 -WeakHostSend Enabled\n', /whatever ShouldProcess says/],
    ["if ($PSCmdlet.ShouldProcess('a')) { 1 }\nRemove-Item x\n", /line 2: Remove-Item is run whatever/],
  ];
  for (const [text, fault] of FAULTS) it(`would be told: ${fault.source}`, () => assert.match(findFaults(parse(text)).join('\n'), fault));
});
