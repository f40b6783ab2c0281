// A real browser on a host of the lab: the distribution's Chromium without a window, driven over a pipe, as loopback is the host's own.
// Imports puppeteer-core, samples/founding-lab and Node.
// Invariant: it is closed by the test, its profile is in the lab's folder; an error of the page, or a request that goes elsewhere, is kept.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import puppeteer, { type Browser, type Page } from 'puppeteer-core';
import type { Host } from '../../../samples/founding-lab/host.js';
import type { Lab } from '../../../samples/founding-lab/lab.js';
import { skipTest } from '../../tools/skip.js';

const CHROMIUM = '/usr/bin/chromium';

/** Skips the suite where there is none: on Ubuntu it is a snap, which cannot enter a network namespace. */
export function requireBrowser(context: Mocha.Context): void {
  if (!existsSync(CHROMIUM)) skipTest(context, `needs ${CHROMIUM}, which Debian has as a package`);
}

export interface WatchedBrowser {
  readonly page: Page;
  /** What the page complained of, one line each. */
  readonly complaints: string[];
  /** Origins that were asked for anything. */
  readonly origins: Set<string>;
  close(): Promise<void>;
}

/** Starts the browser on the host, with one empty page of this size. */
export async function openBrowser(lab: Lab, host: Host, width: number, height: number): Promise<WatchedBrowser> {
  // Without a sandbox: it needs a user other than root, and shows only what the agent under test sends.
  const args = puppeteer.defaultArgs({ headless: true, userDataDir: join(lab.folder, 'chromium') });
  const [program = '', ...enter] = host.enter([CHROMIUM, '--no-sandbox', '--disable-gpu', ...args]);
  const browser: Browser = await puppeteer.launch({
    executablePath: `/usr/bin/${program}`,
    args: enter,
    ignoreDefaultArgs: true,
    pipe: true,
    defaultViewport: { width, height },
  });
  const [page = await browser.newPage()] = await browser.pages();
  const complaints: string[] = [];
  const origins = new Set<string>();
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(`${message.text()} (${message.location().url ?? ''})`);
  });
  page.on('pageerror', (error) => void complaints.push(String(error)));
  page.on('request', (request) => void origins.add(new URL(request.url()).origin));
  return { page, complaints, origins, close: () => browser.close() };
}
