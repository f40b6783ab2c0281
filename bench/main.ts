// npm run bench: measures the data plane and prints a table, or JSON alone.
// The only file here that touches the process; imports platform/linux, as agent/main.ts does.
// Exit status: agent/model/errors.ts. Results go to standard output, errors to standard error.

import { cpus, release } from 'node:os';
import { EXIT, FairleadError } from '../agent/model/errors.js';
import { createLinuxPlatform } from '../platform/linux/index.js';
import { runBench } from './bench.js';
import { enterEmptyNetwork } from './kernel.js';
import { parseOptions } from './options.js';
import { renderJson, renderTable } from './report.js';

async function main(args: readonly string[]): Promise<void> {
  const options = parseOptions(args, (text) => process.stdout.write(text));
  if (options === undefined) return;
  enterEmptyNetwork();
  const { rows, facts } = await runBench(createLinuxPlatform(), options, { kernel: release(), cpu: cpus()[0]?.model.trim() ?? 'unknown' });
  process.stdout.write(options.json ? renderJson(rows) : renderTable(rows, facts));
}

main(process.argv.slice(2)).catch((error: unknown) => {
  if (!(error instanceof FairleadError)) {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = EXIT.failed;
    return;
  }
  process.stderr.write(`error: ${error.message}\n${error.hint === undefined ? '' : `  ${error.hint}\n`}  (${error.code})\n`);
  process.exitCode = error.exitStatus;
});
