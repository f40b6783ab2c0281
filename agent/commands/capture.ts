// `capture`: events with their packets into a pcapng file, for Wireshark, tshark and tcpdump.
// Imports node:fs/promises, agent/model and its siblings.
// Invariant: a file that exists is not touched; what was captured is in the file however the watch ends.

import { type FileHandle, open } from 'node:fs/promises';
import { FairleadError } from '../model/errors.js';
import { MAX_SNAP, type PacketEvent, type Verdict } from '../model/events.js';
import { parseInteger } from '../model/parse.js';
import { interfaceBlock, packetBlock, sectionBlock } from '../model/pcapng.js';
import { REASONS } from '../model/reasons.js';
import { EVENT_FLAGS, toFilter } from './event-flags.js';
import { detailsOf } from './event-text.js';
import { countNoun } from './numbers.js';
import { defineVerb, required, withDefault } from './verb.js';
import { watchEvents } from './watch.js';

/** enum xdp_action of linux/bpf.h. */
const XDP_ACTIONS: Readonly<Record<Verdict, number>> = { drop: 1, pass: 2, tx: 3, redirect: 4 };
const UNKNOWN_DEVICE = 'unknown';

export const capture = defineVerb({
  words: 'capture',
  summary: 'write packets and what became of them to a pcapng file',
  details:
    'Each packet is captured as it came in, also when it was forwarded in another form; its comment has the reason, service and backend, ' +
    'its verdict option what XDP returned. The filters are those of monitor. Ctrl-C ends the capture.',
  examples: ['capture --file=drops.pcapng --kind=drop', 'capture --file=all.pcapng --kind=sample --service=1 --count=1000'],
  flags: {
    file: required({ name: 'file', placeholder: 'FILE', text: 'file to write; it must not exist yet', parse: parseFile }),
    ...EVENT_FLAGS,
    snap: withDefault(
      {
        name: 'snap',
        placeholder: 'BYTES',
        text: `bytes of each packet, at most ${MAX_SNAP}`,
        parse: (text, where) => parseInteger(text, { kind: 'length', min: 0, max: MAX_SNAP }, where),
      },
      '128',
    ),
  },
  async run(context, { file, snap, count, ...flags }) {
    const events = watchEvents(context, toFilter({ ...flags, count }, snap), count);
    const handle = await create(file);
    try {
      const packets = await writeCapture(handle, events, snap);
      await context.out.write(`${countNoun(packets, 'packet')} in ${file}\n`);
    } catch (error) {
      if (!isWriteError(error)) throw error;
      throw new FairleadError('FL_E_SYSTEM', `file ${file}: cannot be written: ${error.message}`, {
        hint: 'make room there; it ends here',
      });
    } finally {
      await handle.close();
    }
  },
});

/** Blocks in the order in which they are needed: a device's before its first packet. Returns the number of packets. */
async function writeCapture(handle: FileHandle, events: AsyncIterable<PacketEvent>, snap: number): Promise<number> {
  const interfaces = new Map<string, number>();
  let packets = 0;
  await handle.writeFile(sectionBlock('fairlead'));
  for await (const { view, packet } of events) {
    const device = view.device ?? UNKNOWN_DEVICE;
    if (!interfaces.has(device)) {
      interfaces.set(device, interfaces.size);
      await handle.writeFile(interfaceBlock(device, snap));
    }
    const text = REASONS.find(({ name }) => name === view.reason)?.text ?? '';
    const captured = {
      interface: interfaces.get(device) ?? 0,
      microseconds: Math.round(view.time * 1e6),
      packet,
      bytes: view.bytes,
      comment: `${view.kind}: ${detailsOf(view).join(', ')}: ${text}`,
      xdpAction: XDP_ACTIONS[view.verdict],
    };
    await handle.writeFile(packetBlock(captured));
    packets++;
  }
  return packets;
}

function parseFile(text: string, where: string): string {
  if (text !== '') return text;
  throw new FairleadError('FL_E_VALUE', `${where}: the name is empty`, { hint: 'give the file a name, for example drops.pcapng' });
}

/** A new file that its owner alone may read: it holds people's traffic. */
async function create(file: string): Promise<FileHandle> {
  try {
    return await open(file, 'wx', 0o600);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST')
      throw new FairleadError('FL_E_CONFLICT', `file ${file}: exists already`, { hint: 'give another name, or remove it' });
    throw new FairleadError('FL_E_SYSTEM', `file ${file}: cannot be made: ${message}`, {
      hint: 'give a file in a folder that can be written',
    });
  }
}

function isWriteError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && (error as NodeJS.ErrnoException).syscall === 'write';
}
