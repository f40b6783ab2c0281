// Gathers the machine's facts by asking Windows' tools.
// Imports its neighbours.
// Invariant: nothing here throws or changes anything; what a tool does not tell is undefined.

import type { HostModel, ServiceName, WindowsMachine } from './facts.js';
import { parseDword, parseHostModels, parsePrograms, parseService, parseString, parseTestSigning } from './parse.js';
import { type Ask, QUESTIONS } from './tools.js';

export async function readMachine(ask: Ask, libraryTrouble: string | undefined): Promise<WindowsMachine> {
  const service = async (name: ServiceName) => {
    const said = await ask(QUESTIONS.service(name));
    return said && parseService(said.status, said.stdout);
  };
  const [core, jit, xdp] = await Promise.all([service('eBPFCore'), service('eBPFSvc'), service('xdp')]);
  const [enabled, mode, secure, integrity] = await Promise.all([
    dword(ask, QUESTIONS.ebpfEnabled, 'XdpEbpfEnabled'),
    dword(ask, QUESTIONS.xdpMode, 'XdpEbpfMode'),
    dword(ask, QUESTIONS.secureBoot, 'UEFISecureBootEnabled'),
    dword(ask, QUESTIONS.memoryIntegrity, 'Enabled'),
  ]);
  const [elevated, boot, nextBoot, programs] = await Promise.all([
    readElevated(ask),
    ask(QUESTIONS.bootOptions),
    ask(QUESTIONS.nextBoot),
    ask(QUESTIONS.programs),
  ]);
  const options = boot && parseString(boot.stdout, 'SystemStartOptions');
  return {
    elevated,
    services: { eBPFCore: core, eBPFSvc: jit, xdp },
    ebpfEnabled: isSet(enabled),
    xdpMode: mode === 'absent' ? 'automatic' : mode === undefined ? undefined : mode === 0 ? 'generic' : 'native',
    testSigning: options === undefined ? undefined : /\bTESTSIGNING\b/i.test(options),
    testSigningNext: nextBoot?.status === 0 ? parseTestSigning(nextBoot.stdout) : undefined,
    secureBoot: isSet(secure),
    memoryIntegrity: isSet(integrity),
    programs: programs?.status === 0 ? parsePrograms(programs.stdout) : undefined,
    libraryTrouble,
  };
}

export async function readElevated(ask: Ask): Promise<boolean | undefined> {
  const said = await ask(QUESTIONS.elevated);
  return said && said.status === 0;
}

export async function readHostModels(ask: Ask): Promise<readonly HostModel[] | undefined> {
  const said = await ask(QUESTIONS.hostModels);
  const models = said?.status === 0 ? parseHostModels(said.stdout) : [];
  // Every Windows has interfaces: none at all means that the question was not understood.
  return models.length > 0 ? models : undefined;
}

const isSet = (read: number | 'absent' | undefined): boolean | undefined =>
  read === undefined ? undefined : read !== 'absent' && read !== 0;

/** reg.exe ends with 1 both for a value that is not there and for a key that may not be read; the keys asked here may be read by everybody. */
async function dword(ask: Ask, question: readonly string[], name: string): Promise<number | 'absent' | undefined> {
  const said = await ask(question);
  if (said === undefined) return undefined;
  return said.status === 0 ? parseDword(said.stdout, name) : 'absent';
}
