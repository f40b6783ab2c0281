// `npm run picture`: docs/page.png, the page on a lab with traffic of a minute and a backend that is down.
// Imports the lab and its siblings. --to FOLDER writes it there, and the dark and the narrow page beside it.
// Invariant: what is seen is what the product shows; nothing is drawn afterwards.

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { runCommand } from '../../../samples/founding-lab/command.js';
import { startLoad } from '../../../samples/founding-lab/loader.js';
import { openBrowser } from './browser.js';
import { openSetting, SNAT, setService } from './setting.js';

const WEB = '127.0.0.1:9965';
const WIDTH = 1280;
/** To the first of the events: a larger picture would be more than documents should carry. */
const HEIGHT = 1310;

const { values } = parseArgs({ options: { to: { type: 'string' } } });
const folder = values.to ?? fileURLToPath(new URL('../../../docs', import.meta.url));
const { lab, agent } = await openSetting({ name: 'lb1', backends: 4 }, [...SNAT, `--web=${WEB}`]);
let browser: Awaited<ReturnType<typeof openBrowser>> | undefined;
try {
  await setService(lab, agent, 1);
  await setService(lab, agent, 2, `[${lab.vipOf(6)}]:80`);
  await agent.must(`service update --id=3 --frontend=${lab.vip}:81 --backends=20.1.1.10:80,20.1.1.20:80 --source-deny=20.1.1.0/24`);
  for (const id of [1, 2]) await agent.must(`service update --id=${id} --health=http:/ --health-profile=fast`);
  browser = await openBrowser(lab, lab.host('lb'), WIDTH, 900);
  const { page } = browser;
  await page.goto(`http://${WEB}/`);
  const loads = [
    await startLoad(lab, { workers: 3, pause: 30, timeout: 300 }),
    await startLoad(lab, { workers: 2, pause: 40, timeout: 300, url: lab.url(6) }),
    await startLoad(lab, { workers: 1, pause: 200, timeout: 300, url: `http://${lab.vip}:81/` }),
  ];
  await sleep(20_000);
  loads.push(await startLoad(lab, { workers: 4, pause: 25, timeout: 300 }));
  await agent.must('service update --id=2 --mode=dsr');
  await sleep(25_000);
  await runCommand(lab.backends[1]?.enter(['ip', 'link', 'set', 'eth0', 'down']) ?? []);
  await page.click('[name="minutes"][value="1"] + span');
  await page.click('[data-service="1"] button');
  await sleep(12_000);
  await page.mouse.move(0, 0);
  await page.screenshot({ path: join(folder, 'page.png'), clip: { x: 0, y: 0, width: WIDTH, height: HEIGHT } });
  if (values.to !== undefined) {
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }]);
    await sleep(500);
    await page.screenshot({ path: join(folder, 'page-dark.png'), fullPage: true });
    await page.emulateMediaFeatures([]);
    await page.setViewport({ width: 400, height: 800 });
    await sleep(1500);
    await page.screenshot({ path: join(folder, 'page-narrow.png'), fullPage: true });
  }
  await Promise.all(loads.map((load) => load.stop()));
} finally {
  await browser?.close();
  await agent.stop();
  await lab.remove();
}
