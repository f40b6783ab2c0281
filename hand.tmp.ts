import { openSetting, setService } from './test/e2e/support/setting.js';
const { lab, agent } = await openSetting({ backends: 3, secondClient: true, bigFileBytes: 1000000 }, ['--bpf-lb-mode=snat', '--device=eth0,eth1']);
const say = async (line: string) => { const t = performance.now(); const a = await agent.tell(line); console.log(`> ${line}   (${(performance.now()-t).toFixed(0)} ms)\n${a.stdout}${a.stderr}`); };
try {
  console.log(lab.client?.addressOf?.(4), lab.vip, lab.vipOf(6));
  await setService(lab, agent, 1);
  await setService(lab, agent, 2, `[${lab.vipOf(6)}]:80`);
  const c4 = lab.host('client').addressOf(4), c6 = lab.host('client').addressOf(6);
  await say('status');
  await say(`explain ${c4}:40000 -> ${lab.vip}:80 tcp`);
  await say(`explain ${c4}:40001 ${lab.vip}:80`);
  await say(`explain [${c6}]:40001 [${lab.vipOf(6)}]:80`);
  console.log(await lab.host('client').run(['curl', '-s', '--local-port', '40000', `http://${lab.vip}/`]));
  await say('service dumpstate --id 1');
  await say(`explain ${c4}:40000 ${lab.vip}:80`);
  await agent.must('mode update dsr');
  await say(`explain ${c4}:40002 ${lab.vip}:80`);
  await say(`explain [${c6}]:40002 [${lab.vipOf(6)}]:80`);
  await say(`explain ${c4}:40002 ${lab.vip}:81`);
  await say(`explain ${c4}:40002 50.1.1.1:81`);
  await say(`explain ${c4}:40002 20.1.1.1:22`);
  await say(`explain ${c4}:40002 20.1.1.1:2000`);
  await agent.must(`deny add ${c4}`);
  await say(`explain ${c4}:40002 ${lab.vip}:80`);
  await say('status');
} finally { await lab.remove(); }
