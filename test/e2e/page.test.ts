// The page in a real browser: a headless Chromium on the load balancer of a lab, while its agent forwards real traffic.
// Imports the lab and its siblings. Needs root, native XDP, a current dist/ and Debian's chromium.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KeyInput } from 'puppeteer-core';
import type { ServiceView } from '../../agent/model/views.js';
import { type AgentProcess, startAgent } from '../../samples/founding-lab/agent-process.js';
import { runCommand } from '../../samples/founding-lab/command.js';
import type { Lab } from '../../samples/founding-lab/lab.js';
import { type Load, startLoad } from '../../samples/founding-lab/loader.js';
import { openBrowser, requireBrowser, type WatchedBrowser } from './support/browser.js';
import { openSetting, requireRoot, SNAT, SUITE_TIMEOUT, setService, waitFor } from './support/setting.js';

const ORIGIN = 'http://127.0.0.1:9965';
/** Small tables: hundreds of services are made in a second. */
const FLAGS = [...SNAT, `--web=${ORIGIN.slice('http://'.length)}`, '--maglev-size=1021', '--max-flows=65536'];
/** So many that not all can be shown. */
const SERVICES = 203;

describe('the page in a browser', function () {
  this.timeout(SUITE_TIMEOUT);
  let lab: Lab;
  let agent: AgentProcess;
  let load: Load;
  let browser: WatchedBrowser;

  before(async function () {
    requireRoot(this);
    requireBrowser(this);
    ({ lab, agent } = await openSetting({ backends: 2 }, FLAGS));
    const opened = openBrowser(lab, lab.host('lb'), 1280, 900);
    await setService(lab, agent, 1);
    await agent.must('service update --id=1 --health=http:/ --health-profile=fast');
    await agent.must(`service update --id=2 --frontend=${lab.vip}:81 --backends=${lab.backends[0]?.address}:80 --source-deny=20.1.1.0/24`);
    load = await startLoad(lab, { workers: 2, pause: 20, timeout: 300 });
    browser = await opened;
    await browser.page.goto(`${ORIGIN}/`);
  });
  after(async () => {
    await browser?.close();
    await load?.stop();
    await lab?.remove();
  });

  const text = (selector: string): Promise<string> => browser.page.$eval(selector, (element) => element.textContent);
  const count = async (selector: string): Promise<number> => (await browser.page.$$(selector)).length;
  const untilText = (selector: string, wanted: RegExp): Promise<string> =>
    waitFor(
      `${selector} to be like ${wanted}`,
      async () => {
        const found = (await count(selector)) === 0 ? '' : await text(selector);
        return wanted.test(found) ? found : undefined;
      },
      10_000,
    );
  const untilCount = (selector: string, wanted: number): Promise<true> =>
    waitFor(`${wanted} of ${selector}`, async () => ((await count(selector)) === wanted ? true : undefined), 10_000);
  const press = async (...keys: readonly KeyInput[]): Promise<void> => {
    for (const key of keys) await browser.page.keyboard.press(key);
  };
  /** What has the focus: its id, its name, or 'service 1'; and whether one sees that. */
  const focus = async (): Promise<{ at: string; seen: boolean }> => {
    const [at, outline] = await browser.page.$eval(':focus', (element) => {
      const service = element.matches('button') ? element.closest('[data-service]') : null;
      // A radio button is shown by its label.
      const shown = element.matches('[type=radio]') ? element.nextElementSibling : element;
      const name = service === null ? element.id || element.getAttribute('name') : `service ${service.getAttribute('data-service')}`;
      return [String(name), String(shown.computedStyleMap().get('outline-style'))];
    });
    return { at: at ?? '', seen: outline === 'solid' };
  };
  const focused = async () => (await focus()).at;

  it('shows services and traffic, and the numbers move', async () => {
    await untilText('#connection', /^live$/);
    assert.equal(await text('#instance'), lab.name);
    assert.match(await text('#facts'), /Modesnat.*eth0 \(native\)/);
    const row = '[data-service="1"] tr';
    const before = await untilText(row, /^1 40\.1\.1\.1:80\/tcp2 of 2snat.*[1-9]/);
    await untilText('[data-kind="forward"] .value', /^[1-9]/);
    await waitFor('other numbers', async () => ((await text(row)) === before ? undefined : true), 5000);
    assert.match(await text('#room-table'), /flows[0-9.]+ %/);
  });

  it('shows drops by reason, in words', async () => {
    await lab.host('client').run(['curl', '-sS', '-m', '0.2', `http://${lab.vip}:81/`], { check: false });
    await untilText('[data-service="2"] [data-refuses] .refused', /^[1-9]|0\.[1-9]/);
    await untilText('#drop-table tbody tr', /^the client's address may not begin a flow of this servicesource_denied/);
  });

  it('shows a backend that goes down within three seconds, and when it is back', async () => {
    const setLink = (to: string) => runCommand(lab.backends[1]?.enter(['ip', 'link', 'set', 'eth0', to]) ?? []);
    await browser.page.click('[data-service="1"] button');
    await untilCount('#backends-1 tr[data-tone="good"]', 2);
    await setLink('down');
    await untilText('#backends-1 tr[data-tone="bad"]', /^20\.1\.1\.20:80activedown./);
    const shown = Date.now() / 1000;
    const { service } = (await agent.json('service get --id=1')) as { service: ServiceView };
    const since = service.backends[1]?.healthSince ?? 0;
    assert.ok(shown - since < 3, `shown ${shown - since} s after the agent knew`);
    await untilText('#event-table tbody tr', /backend 20\.1\.1\.20:80 of service 1 is down: .*health$/);
    assert.match(await text('#warning-list'), /service 1: down: /);
    assert.match(await text('[data-service="1"] tr'), /1 of 2/);
    await setLink('up');
    await untilCount('#backends-1 tr[data-tone="good"]', 2);
  });

  it('is used from the keyboard', async () => {
    await browser.page.reload();
    await untilCount('[data-service]', 2);
    const stops = new Set<string>();
    for (let i = 0; i < 7; i++) {
      await press('Tab');
      const { at, seen } = await focus();
      stops.add(at);
      assert.ok(seen, `the focus at ${at} is seen`);
    }
    for (const stop of ['show-keys', 'unit', 'minutes', 'filter', 'service 1'])
      assert.ok(stops.has(stop), `${stop} among ${[...stops].join()}`);
    await press('/');
    assert.equal(await focused(), 'filter');
    await browser.page.keyboard.type(':81/');
    await untilCount('[data-service]', 1);
    await press('Escape', 'ArrowDown');
    assert.equal(await focused(), 'service 1');
    await press('ArrowDown', 'ArrowDown');
    assert.equal(await focused(), 'service 2');
    const expanded = () => browser.page.$eval('[data-service="2"] button', (button) => button.getAttribute('aria-expanded'));
    await press('Enter');
    assert.deepEqual([await expanded(), await focused()], ['true', 'service 2']);
    await press('ArrowLeft');
    assert.equal(await expanded(), 'false');
    // It stays where it is while the rows are drawn anew.
    await sleep(1100);
    assert.equal(await focused(), 'service 2');
    await press('ArrowUp', 'ArrowUp');
    assert.equal(await focused(), 'filter');
    await press('Tab', '?');
    assert.equal(await count('#keys[open]'), 1);
    await press('Escape');
    assert.equal(await count('#keys[open]'), 0);
  });

  it('is dark where the viewer wants it so, the plot too', async () => {
    /** The colour of the page's ground, and whether the plot has a pixel of the light and of the dark line's colour. */
    const look = async () => [
      await browser.page.$eval('body', (body) => String(body.computedStyleMap().get('background-color'))),
      ...(await browser.page.$eval(
        '#plot canvas',
        (canvas, colours) => {
          const pixels = new Uint32Array(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer);
          return colours.map((colour) => pixels.includes(colour));
        },
        // Alpha, blue, green, red.
        [0xffad5c0b, 0xffffb46f],
      )),
    ];
    assert.deepEqual(await look(), ['rgb(244, 246, 249)', true, false]);
    await browser.page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }]);
    await sleep(100);
    assert.deepEqual(await look(), ['rgb(15, 20, 27)', false, true]);
    await browser.page.emulateMediaFeatures([]);
  });

  it('fits on a narrow screen', async () => {
    await browser.page.setViewport({ width: 400, height: 800 });
    await browser.page.click('[data-service="1"] button');
    const wide = await browser.page.$$eval('html, .panel', (elements) =>
      elements
        .filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth)
        .map((element) => element.textContent.trim().slice(0, 20)),
    );
    assert.deepEqual(wide, []);
    await browser.page.setViewport({ width: 1280, height: 900 });
  });

  it('has at most 200 services in it; the filter finds the others', async () => {
    const address = lab.backends[0]?.address;
    const services = Array.from({ length: SERVICES }, (_, i) => ({
      id: i + 1,
      frontend: `40.1.2.${i + 1}:80`,
      backends: [{ address: `${address}:80` }],
    }));
    const file = join(lab.folder, 'services.json');
    writeFileSync(file, JSON.stringify({ version: 1, mode: 'snat', services }));
    await agent.must(`config apply ${file}`);
    await untilText('#service-note', new RegExp(`^${SERVICES - 200} more: `));
    assert.deepEqual([await count('[data-service]'), await text('#service-count')], [200, String(SERVICES)]);
    await browser.page.type('#filter', `40.1.2.${SERVICES}:`);
    await untilCount('[data-service]', 1);
    assert.equal(await count(`[data-service="${SERVICES}"]`), 1);
  });

  it('asks nobody else for anything, and complains of nothing', () => {
    assert.deepEqual([...browser.origins], [ORIGIN]);
    assert.deepEqual(browser.complaints, []);
  });

  it('says when it is not live, and is again when the agent is back', async () => {
    const { pid } = agent;
    assert.match(await text('#facts'), new RegExp(`pid ${pid}U`));
    await agent.kill();
    await untilText('#connection', /^lost, trying again/);
    agent = await startAgent(lab, FLAGS);
    await untilText('#connection', /^live$/);
    await untilText('#facts', new RegExp(`pid ${agent.pid}U`));
  });
});
