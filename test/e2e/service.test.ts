// The agent as a service end to end, with the capabilities of the systemd unit: no prompt, commands and curl through its socket, while real clients are served.
// Imports the lab and its siblings. Needs root, native XDP and a current dist/.

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { agentCommand } from '../../samples/founding-lab/agent-process.js';
import { runCommand } from '../../samples/founding-lab/command.js';
import { createLab, type Lab } from '../../samples/founding-lab/lab.js';
import { pinsOf } from './support/kernel.js';
import { requireRoot, SUITE_TIMEOUT, waitFor } from './support/setting.js';
import { assertAllReached } from './support/traffic.js';

const UNIT = readFileSync(fileURLToPath(new URL('../../samples/systemd/fairlead.service', import.meta.url)), 'utf8');

/** A command in front of another one that leaves it root's capabilities of the unit, and no other. */
function withCapabilitiesOf(unit: string): string[] {
  const names = /^CapabilityBoundingSet=(.+)$/m.exec(unit)?.[1]?.split(' ') ?? [];
  assert.deepEqual(names, ['CAP_BPF', 'CAP_NET_ADMIN', 'CAP_PERFMON']);
  const set = ['-all', ...names.map((name) => name.replace('CAP_', '+').toLowerCase())].join(',');
  return ['setpriv', `--bounding-set=${set}`, `--inh-caps=${set}`, '--no-new-privs'];
}

describe('the agent as a service', function () {
  this.timeout(SUITE_TIMEOUT);
  let lab: Lab;
  let child: ChildProcess;
  let log = '';
  let socket: string;

  before(async function () {
    requireRoot(this);
    lab = await createLab({ backends: 2 });
    socket = `/run/fairlead/${lab.name}.sock`;
    await start();
  });
  after(async () => lab?.remove());

  async function start(flags = ['--device=eth0', '--bpf-lb-mode=snat']): Promise<void> {
    log = '';
    const command = [...withCapabilitiesOf(UNIT), ...agentCommand(lab, ['agent', ...flags])];
    child = lab.host('lb').spawn(command, { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
    await waitFor('the agent to be ready', async () => log.includes('"ready: ') || undefined, 60_000);
  }

  /** A command as a person gives it in a shell, anywhere on the machine. */
  const fairlead = async (
    ...words: readonly string[]
  ): Promise<{ readonly stdout: string; readonly stderr: string; readonly status: number }> => {
    const [node = '', program = ''] = agentCommand(lab, []);
    return runCommand([node, program, `--instance=${lab.name}`, ...words], { check: false });
  };

  it('takes commands, each as one of its own, and serves', async () => {
    const backends = lab.backends.map(({ address }) => `${address}:80`).join(',');
    const { stdout, status } = await fairlead('service', 'update', '--id=1', `--frontend=${lab.vip}:80`, `--backends=${backends}`);
    assert.equal(status, 0);
    assert.match(stdout, /^service 1 created: .*2 backends/);
    await assertAllReached(lab);
    const { flows } = JSON.parse((await fairlead('service', 'dumpstate', '--id=1', '-o', 'json')).stdout) as { flows: unknown[] };
    assert.ok(flows.length >= 2);
    const wrong = await fairlead('service', 'get', '--id=9');
    assert.deepEqual([wrong.status, wrong.stdout], [1, '']);
    assert.match(wrong.stderr, /FL_E_NOT_FOUND/);
  });

  it('answers curl', async () => {
    const { stdout } = await runCommand(['curl', '-s', '--unix-socket', socket, 'http://fairlead/v1/services/1']);
    assert.equal((JSON.parse(stdout) as { service: { id: number } }).service.id, 1);
  });

  it('logs what was changed, as lines of JSON', () => {
    const lines = log
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { message: string; by?: string });
    assert.ok(lines.some(({ message, by }) => message.startsWith('service 1 created') && by === 'api'));
  });

  it('ends on SIGTERM with its socket, comes back after SIGKILL, and traffic goes on meanwhile', async () => {
    child.kill('SIGTERM');
    await once(child, 'exit');
    assert.equal(child.exitCode, 0);
    assert.equal(existsSync(socket), false);
    assert.equal((await fairlead('status')).status, 1);
    await assertAllReached(lab);
    await start();
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.equal(existsSync(socket), true);
    assert.match((await fairlead('status')).stderr, /its agent has ended/);
    await assertAllReached(lab);
    await start();
    assert.match((await fairlead('service', 'list')).stdout, /1 service/);
  });

  it('has the services of its file, and reads it again at SIGHUP', async () => {
    const file = join(lab.folder, 'config.yaml');
    const write = (port: number) =>
      writeFileSync(
        file,
        `version: 1
agent: { device: eth0 }
mode: snat
services:
  - id: 1
    frontend: ${lab.vip}:80
    backends: [${lab.backends.map(({ address }) => `{ address: '${address}:80' }`).join(', ')}]
  - id: 2
    frontend: ${lab.vip}:${port}
    backends: [{ address: '${lab.backends[0]?.address}:80' }]
`,
      );
    child.kill('SIGTERM');
    await once(child, 'exit');
    write(8080);
    await start([`--config=${file}`, '--watch']);
    assert.match((await fairlead('service', 'list')).stdout, /:8080 /);
    await assertAllReached(lab);
    write(8081);
    child.kill('SIGHUP');
    await waitFor('the file to be read again', async () => log.includes('configuration read again') || undefined, 20_000);
    assert.match((await fairlead('service', 'list')).stdout, /:8081 /);
    assert.equal((await fairlead('config', 'diff', file)).stdout, 'nothing differs\n');
    // Watched, it needs no signal.
    write(8082);
    await waitFor(
      'the changed file to be read',
      async () => (await fairlead('service', 'list')).stdout.includes(':8082 ') || undefined,
      20_000,
    );
    // An error in the file is told with its place, and what runs goes on.
    writeFileSync(file, 'version: 1\nmode: sant\nservices: []\n');
    await waitFor('the error to be told', async () => log.includes('config.yaml:2:7') || undefined, 20_000);
    await assertAllReached(lab);
    const exported = (await fairlead('config', 'export')).stdout;
    writeFileSync(file, exported);
    assert.equal((await fairlead('config', 'apply', file)).stdout, 'nothing differs\n');
  });

  it('goes when a command unloads the data plane', async () => {
    const ended = once(child, 'exit');
    assert.match((await fairlead('unload')).stdout, /^unloaded: program fairlead removed/);
    await ended;
    assert.equal(child.exitCode, 0);
    assert.deepEqual(pinsOf(lab.name), []);
  });
});
