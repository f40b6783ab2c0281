import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { makeMetrics, METRICS, PREFIX, renderMetricsPage } from '../../../agent/api/metrics.js';
import { formatEndpoint, formatFrontend } from '../../../agent/model/format.js';
import { AgentDouble } from '../support/agent-double.js';
import { compareGolden } from '../support/golden.js';

const MONITORING = fileURLToPath(new URL('../../../samples/monitoring', import.meta.url));

describe('metrics', () => {
  it('are those of docs/metrics.md', () => {
    compareGolden(renderMetricsPage(), new URL('../../../docs/metrics.md', import.meta.url));
  });

  it('have the names and units that Prometheus asks for', () => {
    for (const { name, kind, help, labels } of METRICS) {
      assert.match(name, /^[a-z][a-z_]*$/);
      assert.equal(name.endsWith('_total'), kind === 'counter', name);
      assert.doesNotMatch(name, /(?:milliseconds|kilobytes|_ms|_kb)(?:_|$)/);
      assert.match(help, /^[a-zA-Z0-9]/);
      for (const label of labels) assert.match(label, /^[a-z_]+$/);
    }
  });

  it('say what the agent says', async () => {
    const agent = new AgentDouble();
    const text = await makeMetrics(agent, '1.2.3')();
    const { counters, warnings } = await agent.status();
    const value = (series: string) => new RegExp(`^${PREFIX}${series.replaceAll(/[{}[\].]/g, '\\$&')} (.*)$`, 'm').exec(text)?.[1];
    assert.equal(value('services'), '3');
    assert.equal(value('mode_info{mode="snat",dispatch="ipip"}'), '1');
    agent.readings = 0;
    const { services } = await agent.readStats();
    for (const { id, frontend, backends, refused, ...service } of services) {
      const labels = `service="${id}",frontend="${formatFrontend(frontend)}"`;
      assert.equal(value(`service_flows{${labels}}`), String(service.flows));
      assert.equal(value(`service_packets_total{${labels},direction="request"}`), String(service.packets));
      assert.equal(value(`service_packets_total{${labels},direction="reply"}`), String(service.replyPackets));
      assert.equal(value(`service_bytes_total{${labels},direction="request"}`), String(service.bytes));
      assert.equal(value(`service_bytes_total{${labels},direction="reply"}`), String(service.replyBytes));
      assert.equal(value(`service_new_flows_total{${labels}}`), String(service.newFlows));
      for (const [reason, packets] of Object.entries(refused))
        assert.equal(value(`service_refused_packets_total{${labels},reason="${reason}"}`), String(packets));
      for (const backend of backends) {
        const of = `service="${id}",backend="${formatEndpoint(backend)}"`;
        assert.equal(value(`backend_flows{${of}}`), String(backend.flows));
        assert.equal(value(`backend_packets_total{${of},direction="request"}`), String(backend.packets));
        assert.equal(value(`backend_bytes_total{${of},direction="reply"}`), String(backend.replyBytes));
        assert.equal(value(`backend_new_flows_total{${of}}`), String(backend.newFlows));
      }
    }
    assert.equal(value('backend_ready{service="1",backend="20.1.1.30:80",state="terminating"}'), '0');
    assert.equal(value('backend_ready{service="1",backend="20.1.1.10:80",state="active"}'), '1');
    assert.equal(value('snat_ports_used{family="4",backend="20.1.1.10:80",protocol="tcp"}'), '900');
    assert.equal(value('table_limit{table="flows"}'), '262144');
    assert.equal(value('warnings'), String(warnings.length));
    for (const { name, kind, packets } of counters)
      assert.equal(Number(value(`packets_total{reason="${name}",kind="${kind}"}`)), packets, name);
    assert.match(text, /^fairlead_process_resident_memory_bytes \d+/m);
  });

  it('are read anew each time, by one set of watchers', async () => {
    const agent = new AgentDouble();
    const metrics = makeMetrics(agent, '1.2.3');
    assert.match(await metrics(), /mode="snat"/);
    agent.mode = 'dsr';
    const text = await metrics();
    assert.match(text, /mode="dsr"/);
    assert.doesNotMatch(text, /mode_info\{mode="snat"/);
  });

  it('are the only ones that dashboard and alert rules name', () => {
    const known = new Set(METRICS.map(({ name }) => PREFIX + name));
    const files = readdirSync(MONITORING).filter((name) => /\.(?:json|yaml)$/.test(name));
    assert.deepEqual(files, ['alerts.yaml', 'dashboard.json']);
    for (const file of files) {
      const text = readFileSync(`${MONITORING}/${file}`, 'utf8');
      const named = new Set(
        [...text.matchAll(/\bfairlead_[a-z_]+\b/g)].map(([name]) => name).filter((name) => !/^fairlead_(?:process|nodejs)_/.test(name)),
      );
      assert.ok(named.size > 3, file);
      assert.deepEqual(
        [...named].filter((name) => !known.has(name)),
        [],
        file,
      );
    }
  });
});
