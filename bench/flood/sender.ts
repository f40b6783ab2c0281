// The process that floods: sends SYNs, each from another source, out by one device of its network namespace as fast as one CPU can,
// from the first line of its input to its end. Its last line is a report in JSON.
// Imports agent/model, platform/linux and bench/. Started by stage.ts inside a namespace of the lab.
// Invariant: frames end as soon as they come in by the sink, so that two runs differ in where the frames go alone.

import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addressBytes, type Family } from '../../agent/model/address.js';
import { macBytes } from '../../agent/model/mac.js';
import { createLinuxPlatform } from '../../platform/linux/index.js';
import { buildFrame, TCP_SYN } from '../frames.js';
import { attachProgram } from '../kernel.js';
import { Toolbox } from '../toolbox.js';
import { Wrapper } from '../wrapper.js';

export interface Flood {
  readonly family: Family;
  /** Sends by this device. */
  readonly device: string;
  /** Device of the same namespace at which all frames end that come in: the other end of the cable, or the same one, for what is sent back. */
  readonly sink: string;
  readonly destination: { readonly mac: string; readonly address: string; readonly port: number };
}

export interface FloodReport {
  readonly sent: number;
  readonly seconds: number;
}

/** SYNs between two looks at whether to go on: some hundredths of a second. */
const PIECE = 100_000;
const SENDER_MAC = '02:00:00:00:00:66';
/** The wrapper puts a number into the last four bytes. */
const SOURCE: Readonly<Record<Family, string>> = { 4: '10.0.0.0', 6: '2001:db8:66::' };

async function main({ family, device, sink, destination }: Flood): Promise<FloodReport> {
  const platform = createLinuxPlatform();
  const indexOf = (name: string): number => {
    const found = platform.network.interfaces().find((one) => one.name === name);
    if (found === undefined) throw new Error(`no device ${name} in this namespace`);
    return found.index;
  };
  const toolbox = await Toolbox.open(platform, { clang: 'clang', cacheDirectory: join(tmpdir(), 'fairlead-flood') });
  const wrapper = await Wrapper.load(toolbox, family);
  wrapper.aim(await toolbox.load('ends.c', 'bench_send'));
  attachProgram((await toolbox.load('ends.c', 'bench_sink')).id, indexOf(sink));
  const frame = buildFrame({
    destinationMac: macBytes(destination.mac),
    sourceMac: macBytes(SENDER_MAC),
    source: addressBytes(SOURCE[family]),
    destination: addressBytes(destination.address),
    sourcePort: 1024,
    destinationPort: destination.port,
    flags: TCP_SYN,
  });
  const range = await wrapper.addFrames([frame]);
  const ifindex = indexOf(device);
  let going = true;
  process.stdin.on('end', () => {
    going = false;
  });
  process.stdout.write('ready\n');
  await once(process.stdin, 'data');
  let sent = 0;
  const began = performance.now();
  while (going) {
    wrapper.runLive({ range, target: 'measured', runs: PIECE, fresh: { from: sent } }, ifindex);
    sent += PIECE;
    await new Promise(setImmediate);
  }
  return { sent, seconds: (performance.now() - began) / 1000 };
}

const report = await main(JSON.parse(process.argv[2] ?? '') as Flood);
process.stdout.write(`${JSON.stringify(report)}\n`);
// The kernel gives the programs back with the process; the last line must be out before.
if (process.stdout.writableLength > 0) await once(process.stdout, 'drain');
process.exit(0);
