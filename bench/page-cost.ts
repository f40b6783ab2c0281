// What the page costs the agent: its processor time with so many services and with nobody, one and ten who look.
// Imports samples/founding-lab. The agent runs in a lab, as it does in the end-to-end tests; UDP traffic to every service, so that every row changes.
// Run: npm run bench:page [-- SERVICES BACKENDS SECONDS].
// Invariant: each viewer got a message at least every three seconds, else there is no figure.

import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AgentProcess, startAgent } from '../samples/founding-lab/agent-process.js';
import { createLab, type Lab } from '../samples/founding-lab/lab.js';

const WEB = '127.0.0.1:9965';
/** A second, of /proc/PID/stat (proc(5)): USER_HZ is 100 on every Linux. */
const TICKS = 100;
const BACKEND = '20.1.1.10';

const addressOf = (service: number) => `40.1.${service >> 8}.${service & 255}`;

/** Sends each service a few datagrams a second, another number each time. */
const SENDER = `
  const socket = require('node:dgram').createSocket('udp4');
  const addresses = JSON.parse(process.argv[1]);
  socket.bind(30000, () => setInterval(() => {
    for (const address of addresses) for (let n = Math.random() * 4; n > 0; n--) socket.send('x', 80, address);
  }, 500));
`;

/** Seconds of processor time that the process has had. */
function spentBy(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** Someone who looks: how many messages and bytes came. */
function look(lab: Lab) {
  const curl = lab.host('lb').spawn(['curl', '-sN', `http://${WEB}/live`], { stdio: ['ignore', 'pipe', 'ignore'] });
  const seen = { messages: 0, bytes: 0 };
  curl.stdout?.on('data', (data: Buffer) => {
    seen.bytes += data.length;
    for (let at = data.indexOf('event: '); at >= 0; at = data.indexOf('event: ', at + 1)) seen.messages += 1;
  });
  return {
    seen,
    async stop() {
      curl.kill();
      await once(curl, 'exit');
    },
  };
}

async function measure(lab: Lab, agent: AgentProcess, viewers: number, seconds: number): Promise<string> {
  const all = Array.from({ length: viewers }, () => look(lab));
  // Until everyone has had everything, and the code is compiled.
  await sleep(6000);
  for (const { seen } of all) Object.assign(seen, { messages: 0, bytes: 0 });
  const before = spentBy(agent.pid);
  const began = performance.now();
  await sleep(seconds * 1000);
  const percent = ((spentBy(agent.pid) - before) / (performance.now() - began)) * 100_000;
  const [first] = all;
  const { messages, bytes } = first?.seen ?? { messages: 0, bytes: 0 };
  await Promise.all(all.map((one) => one.stop()));
  if (viewers > 0 && messages < seconds / 3) throw new Error(`a viewer got ${messages} messages in ${seconds} s`);
  const each =
    viewers === 0 ? '' : `, ${(messages / seconds).toFixed(2)} messages and ${(bytes / seconds / 1000).toFixed(0)} kB a second each`;
  return `${String(viewers).padStart(3)} who look: ${percent.toFixed(1).padStart(5)} % of one core${each}\n`;
}

const [count = 1000, backends = 10, seconds = 15] = process.argv.slice(2).map(Number);
const lab = await createLab({ backends: [BACKEND], web: false });
try {
  const ids = Array.from({ length: count }, (_, index) => index + 1);
  const services = ids.map((id) => ({
    id,
    frontend: `${addressOf(id)}:80/udp`,
    backends: Array.from({ length: backends }, (_, index) => ({ address: `${BACKEND}:${1000 + index}` })),
  }));
  const file = join(lab.folder, 'services.json');
  writeFileSync(file, JSON.stringify({ version: 1, mode: 'snat', services }));
  await lab.host('client').run(['ip', 'route', 'add', '40.1.0.0/16', 'via', '20.1.1.1']);
  process.stdout.write(`${count} services of ${backends} backends, measured for ${seconds} s each; processor time of the whole agent\n`);
  lab.host('client').spawn([process.execPath, '-e', SENDER, JSON.stringify(ids.map(addressOf))], { stdio: 'ignore' });
  for (const web of [false, true]) {
    const agent = await startAgent(lab, ['--bpf-lb-mode=snat', '--device=eth0', '--maglev-size=251', ...(web ? [`--web=${WEB}`] : [])]);
    await agent.must(`config apply ${file}`, 120_000);
    if (web) for (const viewers of [0, 1, 10]) process.stdout.write(await measure(lab, agent, viewers, seconds));
    else process.stdout.write(`without --web: ${await measure(lab, agent, 0, seconds)}`);
    await agent.stop();
  }
} finally {
  await lab.remove();
}
