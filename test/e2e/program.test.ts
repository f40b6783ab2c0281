// The program on the device: what tools see of it, a build that reads its settings from a map, and starts that fail without harm.
// Imports the lab and its siblings. Needs root, native XDP, clang, bpftool and a current dist/.

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileObject } from '../../agent/control/program/compile.js';
import { type AgentProcess, agentCommand, startAgent } from '../../samples/founding-lab/agent-process.js';
import type { CommandResult } from '../../samples/founding-lab/command.js';
import type { Lab } from '../../samples/founding-lab/lab.js';
import { startLoad } from '../../samples/founding-lab/loader.js';
import { frontendOf } from './support/family.js';
import { bpftool, mapPinsOf, pinsOf, xdpOn } from './support/kernel.js';
import { endpoints, identityOf, openSetting, readFlows, requireRoot, SNAT, SUITE_TIMEOUT, setService } from './support/setting.js';
import { assertAllReached, assertClean, getPage } from './support/traffic.js';

const SOURCES = fileURLToPath(new URL('../../bpf', import.meta.url));
/** Small arrays: bpftool prints every slot. The object files below are built with the same. */
const FLAGS = [...SNAT, '--max-backends=64', '--max-flows=4096'] as const;

/** Reads a byte beyond the packet's end, which no verifier lets through. */
const UNSAFE = `
#include <linux/bpf.h>
__attribute__((section("xdp"), used)) int fairlead(struct xdp_md *ctx) { return *(char *)(long)ctx->data; }
char program_license[] __attribute__((section("license"), used)) = "GPL";
`;

/** An entry as `bpftool -j map dump` prints it. */
interface Dumped {
  readonly key: readonly string[];
  readonly value: readonly string[];
  /** Where the map has types. */
  readonly formatted?: unknown;
}

describe('the program end to end', function () {
  this.timeout(SUITE_TIMEOUT);
  let lab: Lab;
  let agent: AgentProcess;

  /** The path of an object file made from `source` in the folder, as the agent itself compiles. */
  const compile = async (sourceDirectory: string, source: string, macros: Readonly<Record<string, number>>): Promise<string> => {
    const cacheDirectory = join(lab.folder, 'objects');
    const request = { clang: 'clang', cacheDirectory, sourceDirectory, source, flavour: 'linux', macros } as const;
    return (await compileObject(request)).objectFile;
  };

  before(async function () {
    requireRoot(this);
    ({ lab, agent } = await openSetting({ backends: 2 }, FLAGS));
    await setService(lab, agent, 1);
    await assertAllReached(lab);
    // So that every map has an entry.
    await setService(lab, agent, 2, frontendOf(lab, 6));
    for (const id of [1, 2])
      await agent.must(`service update --id=${id} --affinity=600s --source-deny=${id === 1 ? '192.0.2.1' : '3fff::1'}`);
    for (const family of [4, 6] as const) await getPage(lab, { family });
    await agent.must('service update --id=1 --affinity=none');
    const quic = '--quic-server-id=0 --backend-quic-ids=0a01,0a02';
    await agent.must(`service update --id=3 --frontend=${frontendOf(lab, 4, 5353, 'udp')} --backends=${endpoints(lab, 5353)} ${quic}`);
  });
  after(async () => lab?.remove());

  it('has names that tell what it is, in `bpftool prog`, `map` and `link`', async () => {
    const { program, links } = await identityOf(agent);
    const shown = (await bpftool('prog', 'show', 'id', String(program))) as { name: string; type: string };
    assert.deepEqual([shown.name, shown.type], ['fairlead', 'xdp']);
    const maps = await Promise.all(mapPinsOf(agent.instance).map((path) => bpftool('map', 'show', 'pinned', path)));
    assert.deepEqual(
      (maps as { name: string }[]).map(({ name }) => name),
      [
        'answer_limit',
        'backend_stats',
        'config',
        'crowded',
        'ct4',
        'ct6',
        'devices',
        'event_count',
        'event_filter',
        'event_scratch',
        'events',
        'flow_limit',
        'frag4',
        'frag6',
        'last_slots',
        'lb4_affinity',
        'lb4_backends',
        'lb4_ranges',
        'lb4_services',
        'lb4_spans',
        'lb6_affinity',
        'lb6_backends',
        'lb6_ranges',
        'lb6_services',
        'lb6_spans',
        'lb_maglev',
        'lb_maglev_type',
        'metrics',
        'proven',
        'quic_servers',
        'service_past',
        'service_refused',
        'snat4',
        'snat6',
        'snat_sources',
        'vips',
      ],
    );
    const [link] = links;
    const found = (await bpftool('link', 'show', 'id', String(link))) as { type: string; prog_id: number };
    assert.deepEqual([found.type, found.prog_id], ['xdp', program]);
  });

  it('has maps that `bpftool map dump` prints field by field', async () => {
    const fields: Record<string, readonly string[]> = {
      answer_limit: ['began', 'count'],
      backend_stats: ['reply_packets', 'new_flows'],
      config: ['layout', 'snat_port_min'],
      ct4: ['saddr', 'backend_id'],
      ct6: ['saddr', 'backend_id'],
      crowded: ['crowded'],
      devices: ['ifindex', 'mac'],
      event_count: ['limited', 'lost'],
      event_filter: ['kinds', 'service_id'],
      event_scratch: ['packet_bytes', 'packet'],
      flow_limit: ['began', 'count'],
      last_slots: ['used'],
      lb4_affinity: ['service_id', 'backend_generation'],
      lb4_backends: ['dst_mac', 'generation'],
      lb4_ranges: ['prefix_length', 'permit'],
      lb4_services: ['address', 'maglev_digest'],
      lb4_spans: ['length', 'last_port'],
      lb6_affinity: ['service_id', 'backend_generation'],
      lb6_backends: ['dst_mac', 'generation'],
      lb6_ranges: ['prefix_length', 'permit'],
      lb6_services: ['address', 'maglev_digest'],
      lb6_spans: ['length', 'last_port'],
      lb_maglev_type: ['backend_id'],
      metrics: ['packets', 'bytes'],
      proven: ['hash', 'when'],
      quic_servers: ['service_id', 'id', 'backend_id'],
      service_refused: ['source_denied', 'no_backend'],
      snat4: ['client_addr', 'client_mac'],
      snat6: ['client_addr', 'client_mac'],
      snat_sources: ['address'],
      vips: ['bits'],
    };
    const tables: Dumped[] = [];
    for (const path of mapPinsOf(agent.instance)) {
      const name = path.split('/').at(-1) ?? '';
      if (name === 'events') continue; // a ring buffer has no entries to print
      if (name.startsWith('frag')) continue; // no fragment has come
      if (name === 'service_past') continue; // no backend has left
      const entries = (await bpftool('map', 'dump', 'pinned', path)) as Dumped[];
      if (name === 'lb_maglev') {
        tables.push(...entries);
        continue;
      }
      assert.ok(entries.length > 0, `${name} has no entry`);
      const text = JSON.stringify(entries[0]?.formatted);
      for (const field of fields[name] ?? assert.fail(`a map that this test does not know: ${name}`)) {
        assert.match(text, new RegExp(`"${field}":`), name);
      }
    }
    // What a map of maps holds has no type: bpftool prints the bytes of key and inner map id.
    assert.deepEqual(tables[0]?.key, ['0x01', '0x00', '0x00', '0x00']);
    const id = Buffer.from(tables[0]?.value.map(Number) ?? []).readUInt32LE(0);
    const [entry] = (await bpftool('map', 'dump', 'id', String(id))) as Dumped[];
    assert.match(JSON.stringify(entry?.formatted), /"backend_id":\[(\d+,){63}\d+\]/);
  });

  it('goes on forwarding when a start fails: no clang, a program that is refused, no object file', async () => {
    const before = { xdp: await xdpOn(lab.host('lb')), pins: pinsOf(agent.instance) };
    await agent.stop();
    const folder = join(lab.folder, 'unsafe');
    mkdirSync(folder);
    writeFileSync(join(folder, 'unsafe.c'), UNSAFE);
    const unsafe = await compile(folder, 'unsafe.c', {});
    const text = join(lab.folder, 'text.o');
    writeFileSync(text, 'not an object file');
    const load = await startLoad(lab, { workers: 2, pause: 4 });
    const fail = (...flags: string[]): Promise<CommandResult> =>
      lab.host('lb').run(agentCommand(lab, [...FLAGS, ...flags]), { input: 'exit\n', check: false, timeout: 60_000 });
    const cases = [
      { flag: '--clang=/bin/false', status: [1, 3], code: /FL_E_(COMPILE|MISSING)/ },
      { flag: '--clang=/no/such/clang', status: [3], code: /FL_E_MISSING/ },
      { flag: `--bpf-object=${unsafe}`, status: [1], code: /FL_E_VERIFY/ },
      { flag: `--bpf-object=${text}`, status: [1], code: /FL_E_LOAD/ },
      { flag: '--bpf-object=/no/such/object.o', status: [1], code: /FL_E_LOAD/ },
    ];
    for (const { flag, status, code } of cases) {
      const ended = await fail(flag);
      assert.ok(status.includes(ended.status), `${flag}: exit status ${ended.status}`);
      assert.match(ended.stderr, code, flag);
      assert.deepEqual({ xdp: await xdpOn(lab.host('lb')), pins: pinsOf(agent.instance) }, before, flag);
    }
    assertClean(await load.stop(), 20);
    agent = await startAgent(lab, FLAGS);
    assert.equal((await identityOf(agent)).program, before.xdp?.id);
  });

  it('forwards by a build that reads its settings from the config map', async () => {
    const object = await compile(SOURCES, 'fairlead.c', { FL_CONFIG_FROM_MAP: 1, FL_MAX_BACKENDS: 64, FL_MAX_FLOWS: 4096 });
    const load = await startLoad(lab, { workers: 2, pause: 4 });
    await agent.kill();
    agent = await startAgent(lab, [...FLAGS, `--bpf-object=${object}`]);
    assert.match(agent.startOutput, /fairlead-[\w-]+\.o, as given/);
    await assertAllReached(lab);
    assertClean(await load.stop(), 20);
    // Another setting is one more entry of the map: the program stays.
    const { program } = await identityOf(agent);
    await agent.kill();
    agent = await startAgent(lab, [...FLAGS, `--bpf-object=${object}`, '--snat-range=20000-21000']);
    assert.equal((await identityOf(agent)).program, program);
    await getPage(lab, { localPort: 26001 });
    const port = (await readFlows(agent, 1)).find(({ sourcePort }) => sourcePort === 26001)?.snatPort ?? 0;
    assert.ok(port >= 20000 && port <= 21000, `SNAT port ${port}`);
  });
});
