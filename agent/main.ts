#!/usr/bin/env node
// The program: wires process, platform, agent and session together. The only file that names a concrete platform.
// Imports everything below it, late where it is heavy, so that --help and usage errors need no kernel.
// Invariant: however the agent ends, except by `unload`, the data plane goes on forwarding.

import { helpText, readCommandLine } from './cli/command-line.js';
import { readVersion } from './cli/version.js';
import { formatError, statusOf } from './commands/format-error.js';
import { openSink } from './commands/sink.js';
import { EXIT, type ExitStatus, FairleadError } from './model/errors.js';
import type { Settings } from './model/settings.js';
import type { Platform } from '../platform/port.js';

const { env, stdin, stdout, stderr } = process;
const WIDEST_HELP = 100;
const debug = env['FAIRLEAD_DEBUG'] === '1';
// https://no-color.org: any value but the empty one.
const colourful = !env['NO_COLOR'] && env['TERM'] !== 'dumb';
const out = openSink(stdout, { colour: colourful && stdout.isTTY });
const err = openSink(stderr, { colour: colourful && stderr.isTTY });

async function loadPlatform(): Promise<Platform> {
  if (process.platform === 'linux') {
    const { createLinuxPlatform } = await import('../platform/linux/index.js');
    return createLinuxPlatform();
  }
  throw new FairleadError('FL_E_UNSUPPORTED', `there is no data plane for ${process.platform}`, { hint: 'run Fairlead on Linux' });
}

/** The first signal ends the session in order; a second one ends the process, whatever it waits for. */
function stopOnSignals(): AbortSignal {
  const stop = new AbortController();
  const onSignal = () => (stop.signal.aborted ? process.exit(EXIT.failed) : stop.abort());
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  // A reader that left (| head), a terminal that went away: nothing more can be said.
  stdout.on('error', () => stop.abort());
  stderr.on('error', () => stop.abort());
  return stop.signal;
}

async function run(settings: Settings): Promise<ExitStatus> {
  const stop = stopOnSignals();
  const [platform, { startAgent }, { makeAnnouncer }] = await Promise.all([
    loadPlatform(),
    import('./control/start/start.js'),
    import('./repl/announce.js'),
  ]);
  const announcer = makeAnnouncer(err);
  const agent = await startAgent(platform, settings, announcer.report).finally(announcer.stop);
  const [{ runSession }, { historyPath }] = await Promise.all([import('./repl/session.js'), import('./repl/history.js')]);
  const session = { agent, input: stdin, output: stdout, out, err, historyFile: historyPath(env), stop, debug };
  const end = await runSession(session).finally(() => agent.close());
  if (end.why !== 'unloaded') await err.write('traffic goes on; `unload` takes the data plane away\n');
  return end.status;
}

async function main(): Promise<ExitStatus> {
  const line = readCommandLine(process.argv.slice(2));
  if (line.kind === 'run') return run(line.settings);
  await out.write(line.kind === 'help' ? helpText(Math.min(out.columns, WIDEST_HELP)) : `fairlead ${readVersion()}\n`);
  return EXIT.done;
}

/** Says what went wrong; the exit status that it leads to. */
async function fail(error: unknown): Promise<ExitStatus> {
  await err.write(formatError(error, err, debug));
  return statusOf(error);
}

process.on('uncaughtException', (error) => void fail(error).then((status) => process.exit(status)));
process.exit(await main().catch(fail));
