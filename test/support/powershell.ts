// Reads PowerShell without PowerShell: the grammar tree-sitter-powershell, and a few of PSScriptAnalyzer's rules on its tree.
// Imports the grammar alone. Limits: the grammar is its authors' reading of the language, not Microsoft's parser, and nothing here knows a
// cmdlet's parameters or runs a line.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Language, type Node, Parser } from 'web-tree-sitter';

const { resolve } = createRequire(import.meta.url);

export async function makePowerShellParser(): Promise<(text: string) => Node> {
  await Parser.init();
  const parser = new Parser();
  parser.setLanguage(await Language.load(readFileSync(resolve('tree-sitter-powershell/tree-sitter-powershell.wasm'))));
  return (text) => {
    const tree = parser.parse(text);
    if (tree === null) throw new Error('no tree');
    return tree.rootNode;
  };
}

/** All nodes below, in the order of the text. */
function* walk(node: Node): Generator<Node> {
  yield node;
  for (const child of node.children) if (child !== null) yield* walk(child);
}

const all = (root: Node, type: string): readonly Node[] => [...walk(root)].filter((node) => node.type === type);

/** Approved verbs (Get-Verb) that our scripts use; one that is not among them is looked up before it is added. */
const VERBS = [
  'Add',
  'Assert',
  'ConvertTo',
  'Enable',
  'Get',
  'Invoke',
  'New',
  'Read',
  'Remove',
  'Restore',
  'Save',
  'Send',
  'Start',
  'Stop',
  'Test',
  'Wait',
  'Write',
];
/** Verbs of functions that change the machine, as PSUseShouldProcessForStateChangingFunctions has them, and those of ours that do the same. */
const CHANGING = ['Add', 'Enable', 'New', 'Remove', 'Reset', 'Restart', 'Restore', 'Save', 'Set', 'Start', 'Stop', 'Update'];
/** Words that stand for a cmdlet at a prompt, and read otherwise to other people: PSAvoidUsingCmdletAliases. */
const ALIASES = [
  '%',
  '?',
  'cat',
  'cd',
  'copy',
  'cp',
  'curl',
  'del',
  'dir',
  'echo',
  'foreach',
  'ft',
  'fl',
  'gc',
  'gci',
  'iex',
  'ls',
  'mkdir',
  'move',
  'mv',
  'ps',
  'pwd',
  'rm',
  'sc',
  'select',
  'sleep',
  'sort',
  'type',
  'wget',
  'where',
  'write',
];
const FORBIDDEN = ['Write-Host', 'Invoke-Expression'];
/** Cmdlets and programs of Windows that change something: each call has to stand behind ShouldProcess of its function (or script). */
const CHANGERS =
  /^(?:(?:Add|Disable|Enable|New|Remove|Rename|Restart|Set|Start|Stop)-(?:Net\w+|Service|Item|ItemProperty|Process)|Set-Content|Add-Type|taskkill\.exe)$/i;

/** 'line N: what is wrong', in the order of the text. */
export function findFaults(root: Node): readonly string[] {
  const faults = [
    ...[...walk(root)].filter((node) => node.isError || node.isMissing).map((node) => at(node, 'not PowerShell by the grammar')),
    ...all(root, 'command_name').flatMap(faultsOfCommand),
    ...all(root, 'function_statement').flatMap(faultsOfFunction),
    ...all(root, 'command_name').flatMap(unguarded),
  ];
  return [...new Set(faults)].sort((one, other) => lineOf(one) - lineOf(other));
}

const at = (node: Node, text: string): string => `line ${node.startPosition.row + 1}: ${text}`;
const lineOf = (fault: string): number => Number(/\d+/.exec(fault)?.[0]);

function faultsOfCommand(name: Node): readonly string[] {
  const { text } = name;
  if (ALIASES.includes(text.toLowerCase())) return [at(name, `${text} is an alias`)];
  return FORBIDDEN.includes(text) ? [at(name, `${text} is not to be used`)] : [];
}

function faultsOfFunction(node: Node): readonly string[] {
  const name = all(node, 'function_name')[0]?.text ?? '';
  const [verb = ''] = name.split('-');
  const faults: string[] = [];
  if (!/^[A-Z][A-Za-z]+-[A-Z][A-Za-z]+$/.test(name) || !VERBS.includes(verb))
    faults.push(`${name} is not named by an approved verb and a noun`);
  const binding = all(node, 'attribute')
    .map(({ text }) => text)
    .find((text) => /CmdletBinding/.test(text));
  if (binding === undefined) faults.push(`${name} has no CmdletBinding`);
  if (CHANGING.includes(verb)) {
    if (!/SupportsShouldProcess/.test(binding ?? '')) faults.push(`${name} changes something, and does not support ShouldProcess`);
    else if (!/\.ShouldProcess\(/.test(node.text)) faults.push(`${name} never asks ShouldProcess`);
  }
  return faults.map((text) => at(node, text));
}

function unguarded(name: Node): readonly string[] {
  if (!CHANGERS.test(name.text)) return [];
  let scope: Node | null = name.parent;
  // The script itself asks in each place, so for it the nearest `if` counts, for a function its whole body: it may return early.
  while (scope !== null && scope.type !== 'function_statement' && !(scope.type === 'if_statement' && /\.ShouldProcess\(/.test(scope.text)))
    scope = scope.parent;
  return scope !== null && /\.ShouldProcess\(/.test(scope.text) ? [] : [at(name, `${name.text} is run whatever ShouldProcess says`)];
}
