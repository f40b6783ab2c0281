// The package as it is installed: npm pack, a global installation somewhere else, and the agent that starts from there.
// Imports the lab and its siblings. Needs root, native XDP, a current dist/ and npm's registry (or its cache).

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { agentCommand } from '../../samples/founding-lab/agent-process.js';
import { runCommand } from '../../samples/founding-lab/command.js';
import { createLab, type Lab } from '../../samples/founding-lab/lab.js';
import { requireRoot, SUITE_TIMEOUT, waitFor } from './support/setting.js';

/** In the load balancer's own namespace. */
const WEB = '127.0.0.1:9965';

describe('the installed package', function () {
  this.timeout(2 * SUITE_TIMEOUT);
  let lab: Lab;
  let prefix: string;

  before(async function () {
    requireRoot(this);
    lab = await createLab({ backends: 1 });
    prefix = join(lab.folder, 'prefix');
    await runCommand(['npm', 'pack', '--ignore-scripts', '--silent', '--pack-destination', lab.folder]);
    const archive = readdirSync(lab.folder).find((name) => name.endsWith('.tgz')) ?? '';
    await runCommand(
      ['npm', 'install', '--global', '--prefix', prefix, '--prefer-offline', '--no-audit', '--no-fund', join(lab.folder, archive)],
      {
        timeout: SUITE_TIMEOUT,
      },
    );
  });
  after(async () => lab?.remove());

  const program = (name: string) => join(prefix, 'bin', name);

  it('has both names for the program, and its manual page', async () => {
    for (const name of ['fairlead', 'cilium-agent']) {
      assert.match(readlinkSync(program(name)), /dist\/program\/main\.js$/);
      assert.match((await runCommand([program(name), '--version'])).stdout, /^fairlead \d+\.\d+\.\d+\n$/);
    }
    assert.ok(existsSync(join(prefix, 'share/man/man1/fairlead.1')));
  });

  it('compiles its own sources, and serves', async () => {
    const [, , ...flags] = agentCommand(lab, ['agent', '--device=eth0', `--web=${WEB}`]);
    const child = lab.host('lb').spawn([program('fairlead'), ...flags], { stdio: ['ignore', 'ignore', 'pipe'] });
    let log = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
    await waitFor('the agent to be ready', async () => log.includes('"ready: ') || undefined, 60_000);
    assert.match(log, /"message":"compile: /);
    const asked = await runCommand([program('fairlead'), `--instance=${lab.name}`, 'mode', 'get']);
    assert.match(asked.stdout, /snat/);
    // The page and what it takes from another package are where the installed agent looks for them.
    for (const [path, content] of [
      ['', /<title>Fairlead/],
      ['page.js', /openConnection/],
      ['uplot.js', /uPlot/],
    ] as const)
      assert.match((await lab.host('lb').run(['curl', '-sS', '--fail', `http://${WEB}/${path}`])).stdout, content);
    const ended = once(child, 'exit');
    await runCommand([program('fairlead'), `--instance=${lab.name}`, 'unload']);
    await ended;
  });
});
