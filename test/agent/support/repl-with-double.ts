// A program for tests: the session of agent/main.ts, with the double in place of the agent.
// Imports agent/repl, agent/commands and its siblings.

import { openSink } from '../../../agent/commands/sink.js';
import { historyPath } from '../../../agent/repl/history.js';
import { runSession } from '../../../agent/repl/session.js';
import { AgentDouble } from './agent-double.js';

const stop = new AbortController();
process.on('SIGTERM', () => stop.abort());
const { stdin, stdout, stderr, env } = process;
const colour = !env['NO_COLOR'];
const out = openSink(stdout, { colour: colour && stdout.isTTY });
const err = openSink(stderr, { colour: colour && stderr.isTTY });
const agent = new AgentDouble();
agent.endless = true;
const end = await runSession({
  agent,
  input: stdin,
  output: stdout,
  out,
  err,
  historyFile: historyPath(env),
  stop: stop.signal,
  debug: true,
});
stderr.write(`ended: ${end.why}, status ${end.status}, flows given ${agent.dumped}\n`);
process.exit(end.status);
