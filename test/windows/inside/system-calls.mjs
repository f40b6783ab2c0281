// Calls what of the agent meets Windows itself, past its port: places, the API's pipe, the state file, exec checks. Prints what came of it as JSON.
// Argument: a folder for files.
// Imports dist/. system.inside.ts starts it under Wine. Invariant: no program that it started outlives it.

import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { RemoteAgent } from '../../../dist/agent/api/remote-agent.js';
import { serveApi } from '../../../dist/agent/api/server.js';
import { linkFileAtomically, writeFileAtomically } from '../../../dist/agent/control/write-file.js';
import { Stop } from '../../../dist/agent/health/attempt.js';
import { probeExec } from '../../../dist/agent/health/probe-exec.js';
import { LOCK_FOLDER, socketOf, stateFileOf } from '../../../dist/agent/model/settings.js';
import { historyPath, prepareHistory } from '../../../dist/agent/repl/history.js';

const said = { places: [stateFileOf('lab'), socketOf('lab'), LOCK_FOLDER] };
const codeOf = (call) =>
  call.then(
    () => 'done',
    ({ code }) => code,
  );

const agent = { getMode: async () => 'snat' };
const options = { path: socketOf('lab'), group: undefined, version: '1.2.3', unloaded() {} };
const server = await serveApi(agent, options);
said.asked = await new RemoteAgent(options.path).getMode();
said.second = await codeOf(serveApi(agent, options));
said.group = await codeOf(serveApi(agent, { ...options, group: '5' }));
await server.close();
said.gone = await codeOf(new RemoteAgent(options.path).getMode());

const state = `${process.argv[2]}\\state\\lab.json`;
writeFileAtomically(state, 'before');
said.linked = linkFileAtomically(state, `${state}.last-good`);
writeFileAtomically(state, 'after');
said.files = [state, `${state}.last-good`].map((path) => readFileSync(path, 'utf8'));
said.history = prepareHistory(historyPath(process.env));

const backend = { address: '20.1.1.10', port: 80 };
const subject = { service: 1, frontend: { address: '40.1.1.1', port: 80, protocol: 'tcp' }, backend, at: backend };
const check = (program, timeout) =>
  probeExec({ command: [process.execPath, '-e', program], timeout }, subject, new Stop()).then(
    () => 'passed',
    ({ message }) => message,
  );
said.checks = [await check('', 20_000), await check('process.exit(3)', 20_000)];
const [began, late] = [`${state}.began`, `${state}.late`].map((path) => JSON.stringify(path));
const write = (path) => `require('fs').writeFileSync(${path}, '')`;
said.checks.push(await check(`${write(began)}; setTimeout(() => ${write(late)}, 3000)`, 2000));
await sleep(2500);
said.slow = [existsSync(JSON.parse(began)), existsSync(JSON.parse(late))];

process.stdout.write(`${JSON.stringify(said)}\n`);
process.exit(0);
