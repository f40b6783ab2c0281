// A process that runs one agent on the Linux platform and carries out calls that come as JSON lines on its standard input.
// For start.linux.test.ts, which starts it inside a network namespace. Not a test by itself.

import { createInterface } from 'node:readline';
import { startAgent } from '../../../agent/control/start/start.js';
import type { FairleadError } from '../../../agent/model/errors.js';
import { createLinuxPlatform } from '../../../platform/linux/index.js';

type Calls = Record<string, (...args: unknown[]) => Promise<unknown>>;

const [settings, environment] = JSON.parse(process.argv[2] ?? '[]');
const answer = (value: object): void => void process.stdout.write(`${JSON.stringify(value)}\n`);
const failure = ({ code, message, hint }: FairleadError) => ({ error: { code, message, hint } });

async function main(): Promise<void> {
  const said: Record<string, string> = {};
  const agent = await startAgent(createLinuxPlatform(), settings, ({ step, text }) => Object.assign(said, { [step]: text }), environment);
  answer({ result: said });
  for await (const line of createInterface({ input: process.stdin })) {
    const { call, args } = JSON.parse(line);
    const calls = agent as unknown as Calls;
    answer(await (calls[call] as Calls[string]).apply(agent, args).then((result) => ({ result: result ?? null }), failure));
  }
  await agent.close();
}

main().catch((error: FairleadError) => answer(failure(error)));
