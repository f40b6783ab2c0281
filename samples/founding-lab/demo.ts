// `npm run demo`: the founding document's demo as a story on this machine, with its claims checked.
// Imports its siblings. --keep leaves the lab up, with the agent's prompt on this terminal.
// Invariant: the lab is gone when this ends, also after Ctrl-C; exit status 1 when a claim did not hold.

import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { FairleadError } from '../../agent/model/errors.js';
import { agentCommand } from './agent-process.js';
import { createLab, type Lab } from './lab.js';
import { beginStory, type Story } from './story.js';
import { tellStory } from './tale.js';

const USAGE = `usage: npm run demo [-- --keep]
  --keep  afterwards leave the lab up, with the agent's prompt on this terminal
`;

const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

function describeHosts(lab: Lab, story: Story): void {
  story.say(`The lab ${lab.name} stays up until you leave the prompt. A shell on each host, from another terminal:`);
  for (const host of [...lab.hosts, lab.host('switch')]) {
    story.answer(`   ${host.name.padEnd(9)} ${host.address.padEnd(11)} ${host.reach()}`);
  }
  story.say(`Try, in such a shell of the client: curl http://${lab.vip}/`);
}

/** The agent on this terminal, adopting the data plane that runs; Ctrl-C is its own. */
async function openPrompt(lab: Lab): Promise<void> {
  const command = agentCommand(lab, ['--device=eth0']);
  const agent = lab.host('lb').spawn(command, { stdio: 'inherit', detached: false });
  await once(agent, 'exit');
}

async function main(keep: boolean): Promise<number> {
  const colour = process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined;
  const story = beginStory((text) => interrupted || process.stdout.write(text), colour);
  let lab: Lab | undefined;
  let prompting = false;
  for (const [signal, status] of Object.entries(SIGNALS)) {
    process.on(signal, () => {
      if (prompting && signal === 'SIGINT') return;
      process.stdout.write('\ninterrupted: removing the lab\n');
      const removed = lab?.remove() ?? Promise.resolve();
      removed.then(() => process.stdout.write('removed\n')).finally(() => process.exit(status));
      // What the story was waiting for fails now, which is no news.
      process.on('uncaughtException', () => {});
      interrupted = true;
    });
  }
  const began = performance.now();
  let seconds = '';
  try {
    story.step('A network on this machine');
    lab = await createLab({ backends: 4 });
    await tellStory(lab, story);
    seconds = ((performance.now() - began) / 1000).toFixed(0);
    if (keep) {
      story.step('Yours');
      describeHosts(lab, story);
      prompting = true;
      await openPrompt(lab);
      prompting = false;
    }
  } finally {
    if (!interrupted) await lab?.remove();
  }
  process.stdout.write(`\nThe lab is removed: processes, namespaces, pins and files.\n`);
  if (story.failures.length === 0) {
    process.stdout.write(`Shown in ${seconds} s: SNAT, DSR, and a switch between them that broke no connection.\n`);
    return 0;
  }
  process.stdout.write(`Not as claimed (${story.failures.length}): ${story.failures.join('; ')}\n`);
  return 1;
}

let interrupted = false;
try {
  const { values } = parseArgs({ options: { keep: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } } });
  if (values.help) process.stdout.write(USAGE);
  else process.exitCode = await main(values.keep);
} catch (error) {
  if (interrupted) {
    // the signal's handler ends the process
  } else if (error instanceof FairleadError) {
    process.stderr.write(`error: ${error.message}\n  ${error.hint ?? ''} (${error.code})\n`);
    process.exitCode = error.exitStatus;
  } else if (error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')) {
    process.stderr.write(`error: ${error.message}\n${USAGE}`);
    process.exitCode = 2;
  } else {
    throw error;
  }
}
