// What the demo tells, step by step, on a lab that is up.
// Imports its siblings. Every number that it prints was counted in this run.
// Invariant: each claim is checked; a step that cannot go on throws FairleadError.

import { setTimeout as sleep } from 'node:timers/promises';
import { type AgentProcess, startAgent } from './agent-process.js';
import { CAPTURE_COMMAND, type Capture, captureDuring } from './capture.js';
import { installDecap } from './decap.js';
import type { Lab } from './lab.js';
import { startLoad } from './loader.js';
import { type Story, wrapText } from './story.js';

const AGENT_FLAGS = ['--bpf-lb-mode=snat', '--device=eth0'];
/** Requests until each of four backends should have answered: the chance that one has not is below 1 in 10 million. */
const MOST_REQUESTS = 64;

async function tellCommand(agent: AgentProcess, story: Story, line: string): Promise<string> {
  story.command('fairlead>', line);
  const answer = await agent.must(line);
  story.answer(answer);
  return answer;
}

function tellNetwork(lab: Lab, story: Story): void {
  story.say(
    `A switch, a client, the load balancer (LB) and ${lab.backends.length} backends with nginx, each a network namespace of its own. ` +
      `The client routes the virtual address ${lab.vip} to the LB.`,
  );
  for (const host of lab.hosts) story.answer(`   ${host.name.padEnd(9)} ${host.address}`);
}

/** In a pipe the agent's steps are a line each, however long: here they go on below themselves. */
function foldSteps(text: string): string {
  const label = 11;
  const fold = (line: string) => line.slice(0, label) + wrapText(line.slice(label), ' '.repeat(label)).trimStart();
  return text.trimEnd().split('\n').map(fold).join('\n');
}

async function tellStart(lab: Lab, story: Story): Promise<AgentProcess> {
  story.step('The agent starts, in SNAT mode');
  story.command('lb#', `cilium-agent ${AGENT_FLAGS.join(' ')}`);
  const agent = await startAgent(lab, AGENT_FLAGS);
  story.answer(foldSteps(agent.startOutput));
  const backends = lab.backends.map((host) => `${host.address}:80`).join(',');
  await tellCommand(agent, story, `service update --frontend=${lab.vip}:80 --backends=${backends} --id=1`);
  return agent;
}

async function tellRequests(lab: Lab, agent: AgentProcess, story: Story): Promise<void> {
  story.step('Every backend answers');
  story.command('client$', `curl http://${lab.vip}/`);
  const answered = new Map<string, number>();
  let asked = 0;
  while (asked < MOST_REQUESTS && answered.size < lab.backends.length) {
    asked += 1;
    const { stdout } = await lab.host('client').run(['curl', '-sS', '-m', '5', `http://${lab.vip}/`], { check: false });
    const name = stdout.trim() || 'no answer';
    answered.set(name, (answered.get(name) ?? 0) + 1);
  }
  for (const [name, times] of [...answered].sort()) story.answer(`   ${name.padEnd(22)} ${times} times`);
  const all = lab.backends.every((host) => answered.has(`${host.name} ${host.address}`));
  story.claim(`all ${lab.backends.length} backends answered within ${asked} requests`, all && answered.size === lab.backends.length);
  await tellCommand(agent, story, 'service dumpstate --id 1');
}

/** One request under the eyes of tcpdump. */
async function capture(lab: Lab, story: Story): Promise<Capture> {
  story.command('switch#', CAPTURE_COMMAND.map((word) => (word.includes(' ') ? `'${word}'` : word)).join(' '));
  const seen = await captureDuring(lab, async () => {
    await lab.host('client').run(['curl', '-sS', '-m', '5', `http://${lab.vip}/`]);
  });
  for (const line of seen.lines.slice(0, 6)) story.answer(`   ${line.slice(0, 77)}`);
  if (seen.lines.length > 6) story.answer(`   ... ${seen.lines.length} packets in all`);
  return seen;
}

async function tellSnatPackets(lab: Lab, story: Story): Promise<void> {
  story.step("SNAT on the LB's cable: requests and replies");
  story.say('XDP works before the place where tcpdump looks, so the view is from the switch. One request:');
  const seen = await capture(lab, story);
  story.claim(
    `SNAT: ${seen.requests} packets came from the client and left rewritten; ${seen.replies} replies came back and left translated`,
    seen.requests > 0 && seen.rewritten === seen.requests && seen.replies > 0 && seen.translated === seen.replies && seen.wrapped === 0,
  );
}

async function tellSwitch(lab: Lab, agent: AgentProcess, story: Story): Promise<void> {
  story.step('From SNAT to DSR while clients work');
  story.say('In DSR mode backends reply straight to clients. They learn to take off the outer header, and that the VIP is theirs:');
  story.command('backends#', `backends/linux/install.sh --device eth0 --vip ${lab.vip} --hook tc`);
  for (const host of lab.backends) {
    const said = await installDecap(host, [lab.vip], 'tc');
    if (host === lab.backends[0]) story.answer(said);
  }
  story.say('A load of short requests, each on a new connection, and a download of 1 MB that begins in SNAT mode and takes 4 seconds:');
  const short = await startLoad(lab, { workers: 4 });
  const long = await startLoad(lab, { workers: 1, requests: 1, url: `http://${lab.vip}/slow?rate=256k`, digest: lab.bigFileDigest });
  await sleep(1500);
  const answer = await tellCommand(agent, story, 'mode update dsr');
  await sleep(1500);
  const download = await long.done;
  const load = await short.stop();
  const rows = [
    ['short requests', load],
    ['long download', download],
  ] as const;
  for (const [title, report] of rows) {
    story.answer(`   ${title.padEnd(16)} ${String(report.requests).padStart(6)} made ${String(report.failed).padStart(6)} failed`);
    for (const [reason, times] of Object.entries(report.failures)) story.answer(`      ${reason}: ${times}`);
  }
  story.claim('no request failed', load.failed === 0 && load.requests > 100 && /dsr/.test(answer));
  story.claim(`the download of ${download.bytes} bytes arrived whole`, download.ok === 1 && download.seconds > 2);
}

async function tellDsrPackets(lab: Lab, story: Story): Promise<void> {
  story.step("DSR on the LB's cable: requests alone, wrapped in IPIP");
  const seen = await capture(lab, story);
  story.claim(
    `DSR: ${seen.requests} packets came from the client and left with an outer header (IPIP)`,
    seen.requests > 0 && seen.wrapped === seen.requests && seen.rewritten === 0,
  );
  story.claim('no reply passed the LB; curl got its page straight from the backend', seen.replies === 0 && seen.translated === 0);
}

/** Tells the whole story. The agent is stopped at the end; its data plane stays until the lab goes. */
export async function tellStory(lab: Lab, story: Story): Promise<void> {
  tellNetwork(lab, story);
  const agent = await tellStart(lab, story);
  await tellRequests(lab, agent, story);
  await tellSnatPackets(lab, story);
  await tellSwitch(lab, agent, story);
  await tellDsrPackets(lab, story);
  story.step('The agent stops; traffic goes on');
  const status = await agent.stop();
  const page = await lab.host('client').run(['curl', '-sS', '-m', '5', `http://${lab.vip}/`], { check: false });
  story.claim(
    `without an agent a request is still answered, by ${page.stdout.trim() || 'nobody'}`,
    status === 0 && page.stdout.startsWith('backend'),
  );
}
