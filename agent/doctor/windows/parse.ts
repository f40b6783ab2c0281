// Reads what Windows' own tools print. Where a tool translates its words, the numbers and names that it leaves alone are read.
// Imports the facts' types.
// Invariant: a text that is not understood gives undefined or an empty list, never a guess.

import type { HostModel, ProgramLine, ServiceState } from './facts.js';

/** Exit status of `sc.exe query` for a service that is not installed (ERROR_SERVICE_DOES_NOT_EXIST). */
const NO_SUCH_SERVICE = 1060;
/** SERVICE_STOPPED and SERVICE_RUNNING of winsvc.h. */
const STATES: Readonly<Record<string, ServiceState>> = { 1: 'stopped', 4: 'running' };

/** `sc.exe query NAME`: its second line of ': NUMBER  WORD' is the state, whatever its label's language. */
export function parseService(status: number, text: string): ServiceState | undefined {
  if (status === NO_SUCH_SERVICE) return 'absent';
  const numbers = [...text.matchAll(/^\s+\S[^:\n]*:\s+([0-9a-f]+)\s+\S/gim)].map((match) => match[1] ?? '');
  const state = numbers[1];
  if (status !== 0 || state === undefined) return undefined;
  return STATES[state] ?? 'other';
}

/** `reg.exe query KEY /v NAME`: the value as a number (REG_DWORD). */
export function parseDword(text: string, name: string): number | undefined {
  const found = new RegExp(`^\\s+${name}\\s+REG_DWORD\\s+(0x[0-9a-f]+)\\s*$`, 'im').exec(text);
  return found === null ? undefined : Number(found[1]);
}

/** The same of a REG_SZ, trimmed. */
export function parseString(text: string, name: string): string | undefined {
  return new RegExp(`^\\s+${name}\\s+REG_SZ[ \\t]*(.*?)\\s*$`, 'im').exec(text)?.[1];
}

/** `bcdedit.exe /enum {current}`: no line means off. Its Yes and No are translated: of other languages this says nothing. */
export function parseTestSigning(text: string): boolean | undefined {
  const word = /^testsigning\s+(\S+)/im.exec(text)?.[1]?.toLowerCase();
  if (word === undefined || word === 'no') return false;
  return word === 'yes' ? true : undefined;
}

/** `netsh.exe ebpf show programs`: columns ID, Pins, Links, Mode, Type, Name; a type may have blanks, a name has none. */
export function parsePrograms(text: string): readonly ProgramLine[] {
  return [...text.matchAll(/^\s*(\d+)\s+\d+\s+(\d+)\s+(\S+)\s+(\S.*?)\s+(\S+)\s*$/gm)].map(
    ([, id, links, mode = '', type = '', name = '']) => ({
      id: Number(id),
      links: Number(links),
      mode,
      type,
      name,
    }),
  );
}

/** What HOST_MODELS (machine.ts) prints: 'INDEX FAMILY SEND RECEIVE' a line, with PowerShell's names of enumerations, which it does not translate. */
export function parseHostModels(text: string): readonly HostModel[] {
  return [...text.matchAll(/^(\d+) IPv([46]) (Enabled|Disabled) (Enabled|Disabled)\s*$/gm)].map(([, index, family, send, receive]) => ({
    ifindex: Number(index),
    family: family === '6' ? 6 : 4,
    weakSend: send === 'Enabled',
    weakReceive: receive === 'Enabled',
  }));
}
