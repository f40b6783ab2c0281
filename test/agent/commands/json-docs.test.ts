import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { JSON_VERSION } from '../../../agent/commands/formats.js';
import { answer } from '../support/run-with-double.js';

const PAGE = readFileSync(new URL('../../../docs/json.md', import.meta.url), 'utf8');

type Json = Record<string, unknown>;

/** Fields of the section's table, and inside each the fields of the objects that it shows. */
function documented(section: string): Map<string, string[]> {
  const table = PAGE.split(`\n## ${section}\n`)[1]?.split('\n## ')[0] ?? '';
  const fields = new Map<string, string[]>();
  for (const [, names = '', meaning = ''] of table.matchAll(/^\| (`[^|]*) \| (.*) \|$/gm)) {
    const inner = [...(/\{([^}]*)\}/.exec(meaning)?.[1]?.matchAll(/"(\w+)"/g) ?? [])].map((match) => match[1] ?? '');
    for (const [, name = ''] of names.matchAll(/`(\w+)`/g)) fields.set(name, inner);
  }
  return fields;
}

function checkObject(section: string, value: Json): void {
  const fields = documented(section);
  assert.deepEqual(Object.keys(value).sort(), [...fields.keys()].sort(), section);
  for (const [name, inner] of fields) {
    if (inner.length === 0) continue;
    const one = value[name];
    const objects = (Array.isArray(one) ? one : [one]) as Json[];
    for (const object of objects) assert.deepEqual(Object.keys(object).sort(), [...inner].sort(), `${section}.${name}`);
  }
}

/** Of commands that take some. */
const ARGUMENTS: Readonly<Record<string, string>> = { 'neighbor update': ' 20.1.1.10', explain: ' 20.1.1.100:4 40.1.1.1:80' };

async function ask(line: string): Promise<Json> {
  return JSON.parse((await answer(`${line} -o json`)).out) as Json;
}

describe('docs/json.md', () => {
  it('has every field that the answers have, and no other', async () => {
    checkObject('service', (await ask('service get --id=1'))['service'] as Json);
    checkObject('backend', ((await ask('backend list'))['backends'] as Json[])[0] as Json);
    checkObject('flow', ((await ask('service dumpstate --id=1'))['flows'] as Json[])[0] as Json);
    checkObject('neighbor', (await ask('neighbor update 20.1.1.10'))['neighbor'] as Json);
    checkObject('event', ((await ask('monitor'))['events'] as Json[])[0] as Json);
    checkObject('doctor', (await ask('doctor --fix --yes'))['doctor'] as Json);
    checkObject('service statistics', ((await ask('stats'))['services'] as Json[])[0] as Json);
    checkObject('explanation', (await ask('explain 20.1.1.100:4 40.1.1.1:80'))['explanation'] as Json);
    checkObject('status', (await ask('status'))['status'] as Json);
  });

  it('lists the keys around them, and the version', async () => {
    const rows = [...PAGE.matchAll(/^\| `(\w+ \w+|status|stats|doctor|monitor|explain)` \| `(\{.*?\})`/gm)];
    assert.equal(rows.length, 13);
    for (const [, command = '', shape = ''] of rows) {
      const flags = /get|dump/.test(command) && command !== 'mode get' ? ' --id=1' : (ARGUMENTS[command] ?? '');
      const keys = [...shape.replace(/\[.*?\]/g, '').matchAll(/"(\w+)"/g)].map((match) => match[1]);
      assert.deepEqual(Object.keys(await ask(command + flags)), keys, command);
    }
    assert.ok(PAGE.includes(`{"version":${JSON_VERSION},"mode":"snat"}`));
  });
});
