#!/usr/bin/env node
// The program: wires process, platform, agent, API and session together. The only file that names a concrete platform.
// Imports everything below it, late where it is heavy, so that --help, usage errors and commands to a running agent need no kernel.
// Invariant: however the agent ends, except by `unload`, the data plane goes on forwarding.

import { type CommandLine, helpText, readCommandLine } from './cli/command-line.js';
import { readVersion } from './cli/version.js';
import { formatError, statusOf } from './commands/format-error.js';
import { openSink } from './commands/sink.js';
import type { Agent } from './control/agent.js';
import type { Log } from './control/log.js';
import type { RecentLog } from './control/recent-log.js';
import type { Examiner } from './doctor/examiner.js';
import { EXIT, type ExitStatus, FairleadError } from './model/errors.js';
import type { Settings } from './model/settings.js';
import type { Platform } from '../platform/port.js';
import type { SessionEnd } from './repl/line-runner.js';

const { env, stdin, stdout, stderr } = process;
const WIDEST_HELP = 100;
const debug = env['FAIRLEAD_DEBUG'] === '1';
// https://no-color.org: any value but the empty one.
const colourful = !env['NO_COLOR'] && env['TERM'] !== 'dumb';
const out = openSink(stdout, { colour: colourful && stdout.isTTY });
const err = openSink(stderr, { colour: colourful && stderr.isTTY });

let platformOfProcess: Promise<Platform> | undefined;

/** One for the whole process: it holds a socket and the libraries. */
function loadPlatform(): Promise<Platform> {
  platformOfProcess ??= makePlatform();
  return platformOfProcess;
}

async function makePlatform(): Promise<Platform> {
  if (process.platform === 'linux') {
    const { createLinuxPlatform } = await import('../platform/linux/index.js');
    return createLinuxPlatform();
  }
  if (process.platform === 'win32') {
    const { createWindowsPlatform } = await import('../platform/windows/index.js');
    return createWindowsPlatform();
  }
  throw new FairleadError('FL_E_UNSUPPORTED', `there is no data plane for ${process.platform}`, {
    hint: 'run Fairlead on Linux or Windows',
  });
}

/** Looks at this machine, whether an agent runs or not. */
async function loadDoctor(): Promise<Examiner> {
  const { makeExaminer } = await (process.platform === 'win32'
    ? import('./doctor/windows/examiner.js')
    : import('./doctor/linux/examiner.js'));
  return makeExaminer(loadPlatform);
}

/** Asks at the terminal; undefined where there is none. Anything but a yes is a no. */
function askerAt(stop: AbortSignal): ((question: string) => Promise<boolean>) | undefined {
  if (!stdin.isTTY || !err.terminal) return undefined;
  return async (question) => {
    const { createInterface } = await import('node:readline/promises');
    const reader = createInterface({ input: stdin, output: stderr });
    try {
      return /^y(es)?$/i.test((await reader.question(`${question} [y/N] `, { signal: stop })).trim());
    } catch {
      // Ctrl-C and Ctrl-D are no yes; the cursor still stands behind the question.
      await err.write('\n');
      return false;
    } finally {
      reader.close();
    }
  };
}

/** The first signal ends what runs in order; a second one ends the process, whatever it waits for. */
function stopOnSignals(): AbortController {
  const stop = new AbortController();
  const onSignal = () => (stop.signal.aborted ? process.exit(EXIT.failed) : stop.abort());
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  // A reader that left (| head), a terminal that went away: nothing more can be said.
  stdout.on('error', () => stop.abort());
  stderr.on('error', () => stop.abort());
  return stop;
}

/** An agent of this process, with its API, at a prompt. */
async function runAtPrompt(settings: Settings, config: string | undefined): Promise<ExitStatus> {
  const stop = stopOnSignals();
  const [platform, { startAgent }, { makeAnnouncer }, { auditAgent }, { RecentLog }] = await Promise.all([
    loadPlatform(),
    import('./control/start/start.js'),
    import('./repl/announce.js'),
    import('./control/audited-agent.js'),
    import('./control/recent-log.js'),
  ]);
  const announcer = makeAnnouncer(err);
  const recent = new RecentLog();
  // Told at the page alone: the terminal is the prompt's.
  const log = recent.tap(() => {});
  const running = await startAgent(platform, settings, announcer.report, { log }).finally(announcer.stop);
  const agent = auditAgent(running, 'prompt', log);
  // Without its API the agent is still good for the one who sits here.
  const api = await serve(auditAgent(running, 'api', log), settings, recent, log, stop).catch(
    async (error: unknown) => void (await err.write(formatError(error, err, debug))),
  );
  if (config !== undefined) await applyConfig(agent, config).catch(fail);
  const end = await runPrompt(agent, stop.signal).finally(async () => {
    await api?.close();
    await agent.close();
  });
  if (end.why !== 'unloaded') await err.write('traffic goes on; `unload` takes the data plane away\n');
  return end.status;
}

/** An agent of this process, with its API and no prompt: for a service manager. */
async function runAsService({ settings, config, watch }: Extract<CommandLine, { kind: 'agent' }>): Promise<ExitStatus> {
  const stop = stopOnSignals();
  const [platform, { startAgent }, { makeLog }, { auditAgent }, { RecentLog }, { findServiceManager }] = await Promise.all([
    loadPlatform(),
    import('./control/start/start.js'),
    import('./cli/log.js'),
    import('./control/audited-agent.js'),
    import('./control/recent-log.js'),
    import('./cli/service-manager.js'),
  ]);
  const recent = new RecentLog();
  const log = recent.tap(makeLog(err, settings.logLevel));
  const manager = findServiceManager(env, process.pid, platform.notify);
  const agent = await startAgent(
    platform,
    settings,
    ({ step, phase, text, milliseconds }) => {
      if (phase !== 'begin') log(phase === 'done' ? 'info' : 'error', `${step}: ${text}`, { milliseconds: Math.round(milliseconds) });
    },
    { log },
  );
  try {
    const api = await serve(auditAgent(agent, 'api', log), settings, recent, log, stop);
    if (config !== undefined) {
      const byFile = auditAgent(agent, `file ${config}`, log);
      await applyConfig(byFile, config);
      // What is wrong with the file then is told, and what runs goes on as it is.
      const readAgain = () =>
        applyConfig(byFile, config).then(
          () => log('info', 'configuration read again', { file: config }),
          (error: Error) => log('error', `configuration not used: ${error.message}`, { file: config }),
        );
      // On Windows it says that the console is closed, and ends the agent as the other signals do.
      if (process.platform !== 'win32') {
        process.removeAllListeners('SIGHUP');
        process.on('SIGHUP', () => void readAgain());
      }
      if (watch) {
        const { watchFile } = await import('./cli/file-watch.js');
        watchFile(config, readAgain, () => log('warning', 'the configuration file is gone; what runs goes on', { file: config }));
      }
    }
    manager.ready(`balancing on ${settings.devices.join(', ')}`);
    log('info', `ready: API at ${settings.apiSocket}`, { pid: process.pid, version: readVersion() });
    if (!stop.signal.aborted) await new Promise((resolve) => stop.signal.addEventListener('abort', resolve));
    manager.stopping();
    await api.close();
  } finally {
    await agent.close();
  }
  log('info', 'the agent ends; traffic goes on unless the data plane was unloaded');
  return EXIT.done;
}

/** Throws FL_E_CONFIG and what the agent refuses; then nothing has changed. */
async function applyConfig(agent: Agent, file: string): Promise<void> {
  const { readConfigFile } = await import('./commands/config-file.js');
  await agent.replaceDesired(readConfigFile(file).state, false);
}

async function serve(
  agent: Agent,
  { apiSocket, apiGroup, web, webNames }: Settings,
  recent: RecentLog,
  log: Log,
  stop: AbortController,
): Promise<{ close(): Promise<void> }> {
  const [{ serveApi }, { serveWeb }, { withoutCommands }] = await Promise.all([
    import('./api/server.js'),
    import('./api/web.js'),
    import('./control/guarded-agent.js'),
  ]);
  const served = apiGroup === undefined ? agent : withoutCommands(agent);
  // The answer goes out before the agent ends.
  const unloaded = () => setImmediate(() => stop.abort());
  const api = await serveApi(served, { path: apiSocket, group: apiGroup, version: readVersion(), unloaded, log });
  try {
    const page = web === undefined ? undefined : await serveWeb(agent, web, { version: readVersion(), recent, names: webNames });
    return { close: async () => void (await Promise.all([api.close(), page?.close()])) };
  } catch (error) {
    await api.close();
    throw error;
  }
}

async function runPrompt(agent: Agent, stop: AbortSignal): Promise<SessionEnd> {
  const [{ runSession }, { historyPath }] = await Promise.all([import('./repl/session.js'), import('./repl/history.js')]);
  return runSession({ agent, input: stdin, output: stdout, out, err, historyFile: historyPath(env), stop, debug, doctor: loadDoctor });
}

/** A prompt to an agent of another process. */
async function attach(socket: string): Promise<ExitStatus> {
  const { RemoteAgent } = await import('./api/remote-agent.js');
  const agent = new RemoteAgent(socket);
  await agent.getMode();
  return (await runPrompt(agent, stopOnSignals().signal)).status;
}

/** One command to an agent of another process. */
async function runCommand({ socket, words }: Extract<CommandLine, { kind: 'command' }>): Promise<ExitStatus> {
  const [{ RemoteAgent }, { runWords }, { takeKeys }] = await Promise.all([
    import('./api/remote-agent.js'),
    import('./commands/run-line.js'),
    import('./repl/keyboard.js'),
  ]);
  const stop = stopOnSignals();
  const { signal } = stop;
  const keyboard = stdin.isTTY ? (pressed: (key: string) => void) => takeKeys(stdin, pressed, () => stop.abort()) : undefined;
  const context = { agent: new RemoteAgent(socket), out, err, signal, leave() {}, doctor: loadDoctor, ask: askerAt(signal), keyboard };
  return runWords(words, context, debug);
}

/** What a shell offers at Tab, one candidate a line. */
async function writeCandidates({ socket, line }: Extract<CommandLine, { kind: 'complete' }>): Promise<ExitStatus> {
  const [{ RemoteAgent }, { complete }, { VERBS }, { PROGRAM_VERBS }] = await Promise.all([
    import('./api/remote-agent.js'),
    import('./repl/complete.js'),
    import('./commands/verbs.js'),
    import('./cli/completion.js'),
  ]);
  // Flags that say which agent come before the command.
  const typed = line.replace(/^(?:--(?:instance|api-socket)=\S+\s+)+/, '');
  const [candidates] = await complete(typed, [...VERBS, ...PROGRAM_VERBS], new RemoteAgent(socket));
  await out.write(candidates.map((candidate) => `${candidate}\n`).join(''));
  return EXIT.done;
}

async function main(): Promise<ExitStatus> {
  const line = readCommandLine(process.argv.slice(2));
  switch (line.kind) {
    case 'agent':
      return line.prompt ? runAtPrompt(line.settings, line.config) : runAsService(line);
    case 'repl':
      return attach(line.socket);
    case 'command':
      return runCommand(line);
    case 'complete':
      return writeCandidates(line);
    case 'completion':
      await out.write((await import('./cli/completion.js')).completionScript(line.shell));
      return EXIT.done;
    case 'help':
      await out.write(helpText(Math.min(out.columns, WIDEST_HELP)));
      return EXIT.done;
    case 'version':
      await out.write(`fairlead ${readVersion()}\n`);
      return EXIT.done;
  }
}

/** Says what went wrong; the exit status that it leads to. */
async function fail(error: unknown): Promise<ExitStatus> {
  await err.write(formatError(error, err, debug));
  return statusOf(error);
}

process.on('uncaughtException', (error) => void fail(error).then((status) => process.exit(status)));
void main()
  .catch(fail)
  .then((status) => process.exit(status));
