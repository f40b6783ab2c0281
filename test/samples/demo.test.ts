// `npm run demo` as a person runs it: what it must show, at 80 columns, and that it leaves nothing, also when interrupted.
// Imports the story's printer. Runs the real demo, so it needs root, native XDP and a current dist/.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { countPackets } from '../../samples/founding-lab/capture.js';
import { LABS_FOLDER } from '../../samples/founding-lab/cleanup.js';
import { beginStory, wrapText } from '../../samples/founding-lab/story.js';
import { skipTest } from '../tools/skip.js';

const RUN = fileURLToPath(new URL('../../tools/run.mjs', import.meta.url));
const DEMO = fileURLToPath(new URL('../../samples/founding-lab/demo.ts', import.meta.url));

interface Running {
  readonly child: ChildProcess;
  readonly output: { text: string };
}

/** Starts the demo in a process group of its own, so that a signal can reach all of it as Ctrl-C does. */
function startDemo(...args: string[]): Running {
  const child = spawn(process.execPath, [RUN, DEMO, ...args], { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { text: '' };
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (piece: string) => {
      output.text += piece;
    });
  }
  return { child, output };
}

/** The lines of the demo's output that the README shows. */
function quotedInReadme(): string[] {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const block = /```text\n(.*?)```/s.exec(readme)?.[1] ?? '';
  return block.split('\n').filter((line) => line !== '' && line !== '...');
}

/** A line without what differs from run to run: numbers, MAC addresses, the widths of columns. */
function withoutNumbers(line: string): string {
  return line
    .replace(/(?:[0-9a-f]{2}:){5}[0-9a-f]{2}/g, 'MAC')
    .replace(/\d+/g, '0')
    .replace(/ +/g, ' ')
    .replace(/=+/g, '=');
}

function demoTraces(pid: number): string[] {
  const ofDemo = (name: string) => name.startsWith(`fl${pid}`);
  const folders = ['/run/netns', LABS_FOLDER, '/sys/fs/bpf/fairlead'];
  return folders.flatMap((folder) => {
    try {
      return readdirSync(folder).filter(ofDemo);
    } catch {
      return [];
    }
  });
}

describe('npm run demo', function () {
  this.timeout(120_000);
  before(function () {
    if (process.getuid?.() !== 0) skipTest(this, 'needs root for network namespaces');
  });

  it('shows what it claims, within 80 columns, and ends with one line that says so', async () => {
    const { child, output } = startDemo();
    const [status] = await once(child, 'close');
    const lines = output.text.trimEnd().split('\n');
    assert.equal(status, 0, output.text);
    assert.match(lines.at(-1) ?? '', /^Shown in \d+ s: SNAT, DSR, and a switch between them that broke no connection\.$/);
    assert.equal(lines.filter((line) => line.startsWith('   shown ')).length, 7);
    assert.deepEqual(
      lines.filter((line) => line.length > 80),
      [],
    );
    assert.ok(!output.text.includes('\u001b['), 'colour is for terminals alone');
    const shown = new Set(lines.map(withoutNumbers));
    const quoted = quotedInReadme();
    assert.ok(quoted.length > 10);
    assert.deepEqual(
      quoted.filter((line) => !shown.has(withoutNumbers(line))),
      [],
      'the README quotes lines that the demo does not print',
    );
  });

  it('leaves nothing after Ctrl-C in the middle', async () => {
    const { child, output } = startDemo();
    while (!output.text.includes('service dumpstate')) {
      assert.equal(child.exitCode, null, output.text);
      await once(child.stdout!, 'data');
    }
    // The lab carries the pid of the demo itself, which is the child of the process that did the set-up.
    const pid = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim());
    assert.ok(demoTraces(pid).length > 5, `no lab of ${pid}`);
    process.kill(-child.pid!, 'SIGINT');
    const [status] = await once(child, 'close');
    assert.equal(status, 130);
    assert.match(output.text, /interrupted: removing the lab\nremoved\n$/);
    assert.deepEqual(demoTraces(pid), []);
  });

  it('refuses a flag that it does not know, without building anything', async () => {
    const { child, output } = startDemo('--keeep');
    const [status] = await once(child, 'close');
    assert.equal(status, 2);
    assert.match(output.text, /error: Unknown option '--keeep'/);
    assert.match(output.text, /usage: npm run demo/);
  });
});

describe('the story', () => {
  it('remembers claims that do not hold, and says so in words', () => {
    let text = '';
    const story = beginStory((piece) => {
      text += piece;
    }, false);
    story.claim('water is wet', true);
    story.claim('pigs fly', false);
    assert.deepEqual(story.failures, ['pigs fly']);
    assert.equal(text, '   shown    water is wet\n   NOT SO   pigs fly\n');
  });

  it('wraps at 80 columns and keeps words whole', () => {
    const text = wrapText('word '.repeat(100).trim(), '   ');
    assert.ok(
      text.split('\n').every((line) => line.length <= 80 && /^ {3}word( word)*$/.test(line)),
      text,
    );
  });

  it('prints only as much of a long answer as it is told, and counts the rest', () => {
    let text = '';
    beginStory((piece) => {
      text += piece;
    }, false).answer('1\n2\n3\n4\n', 2);
    assert.equal(text, '1\n2\n... and 2 lines more\n');
  });
});

describe("the view on the LB's cable", () => {
  const lab = { vip: '40.1.1.1', client: '20.1.1.100', lb: '20.1.1.1', backends: ['20.1.1.10', '20.1.1.20'] };

  it('tells the five kinds of packets apart', () => {
    const seen = countPackets(
      [
        'IP 20.1.1.100.35698 > 40.1.1.1.80: tcp 0',
        'IP 20.1.1.1.25363 > 20.1.1.20.80: tcp 0',
        'IP 20.1.1.1 > 20.1.1.10: IP 20.1.1.100.36978 > 40.1.1.1.80: tcp 72',
        'IP 20.1.1.20.80 > 20.1.1.1.25363: tcp 0',
        'IP 40.1.1.1.80 > 20.1.1.100.35698: tcp 0',
        'IP 20.1.1.20.80 > 20.1.1.100.35698: tcp 0',
        'ARP, Request who-has 20.1.1.1',
      ],
      lab,
    );
    const { lines, ...counts } = seen;
    assert.equal(lines.length, 7);
    assert.deepEqual(counts, { requests: 1, rewritten: 1, wrapped: 1, replies: 1, translated: 1, other: 2 });
  });

  it('tells them apart in IPv6 too, and an outer header of IPv6 around IPv4', () => {
    const [client, vip, lb, backend] = ['2001:db8:20::100', '2001:db8:40::1', '2001:db8:20::1', '2001:db8:20::10'] as const;
    const seen = countPackets(
      [
        `IP6 ${client}.35698 > ${vip}.80: tcp 0`,
        `IP6 ${lb}.25363 > ${backend}.80: tcp 0`,
        `IP6 ${lb} > ${backend}: IP6 ${client}.36978 > ${vip}.80: tcp 72`,
        `IP6 ${lb} > ${backend}: IP 20.1.1.100.36978 > 40.1.1.1.80: tcp 72`,
        `IP6 ${backend}.80 > ${lb}.25363: tcp 0`,
        `IP6 ${vip}.80 > ${client}.35698: tcp 0`,
        `IP6 ${backend}.80 > ${client}.35698: tcp 0`,
        `IP6 ${lb} > ff02::1:ff00:10: ICMP6, neighbor solicitation, who has ${backend}, length 32`,
      ],
      { vip, client, lb, backends: [backend] },
    );
    const { lines, ...counts } = seen;
    assert.equal(lines.length, 8);
    assert.deepEqual(counts, { requests: 1, rewritten: 1, wrapped: 2, replies: 1, translated: 1, other: 2 });
  });
});
