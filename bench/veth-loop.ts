// The closed loop over a veth pair, all on one CPU: frames are sent out by the far end, come in by the near end, where the program
// measured is attached, and go back by XDP_TX to the far end's sink. What peers are compared by: frames a second, devices included.
// Imports agent/model, platform/port.ts and its siblings; calls `ip` (iproute2).
// Invariant: a rate counts only if every frame sent was counted by the path's reason and came back with the length that the path gives it.

import { execFileSync } from 'node:child_process';
import { closeSync, writeFileSync } from 'node:fs';
import { FairleadError } from '../agent/model/errors.js';
import type { BpfProgram } from '../platform/port.js';
import { checkReasons } from './checks.js';
import { attachProgram, replaceProgram, stayOnOneCpu } from './kernel.js';
import type { Scene } from './scene.js';
import type { Toolbox } from './toolbox.js';
import type { FrameRange, Wrapper } from './wrapper.js';

/** The namespace is the benchmark's own, so names and numbers are free. */
const NEAR = { name: 'fl-near', ifindex: 101 } as const;
const FAR = { name: 'fl-far', ifindex: 102 } as const;

/** A run whose frames did not all come back is taken again so many times: another process kept the CPU for longer than a queue lasts. */
const ATTEMPTS = 5;

interface Count {
  readonly frames: number;
  readonly bytes: number;
}

export class VethLoop {
  /** Of the near end. */
  readonly ifindex: number = NEAR.ifindex;
  readonly #toolbox: Toolbox;
  readonly #sender: BpfProgram;
  readonly #sink: BpfProgram;
  readonly #links: readonly [near: number, far: number];

  private constructor(toolbox: Toolbox, sender: BpfProgram, sink: BpfProgram) {
    this.#toolbox = toolbox;
    this.#sender = sender;
    this.#sink = sink;
    this.#links = [attachProgram(toolbox.nothing.id, NEAR.ifindex), attachProgram(sink.id, FAR.ifindex)];
  }

  /** Makes the pair in this thread's network namespace, with which it ends. */
  static async open(toolbox: Toolbox): Promise<VethLoop> {
    // The kernel would send router solicitations through the loop.
    writeFileSync('/proc/sys/net/ipv6/conf/default/disable_ipv6', '1');
    runIp(...`link add ${NEAR.name} index ${NEAR.ifindex} type veth peer name ${FAR.name} index ${FAR.ifindex}`.split(' '));
    for (const { name } of [NEAR, FAR]) runIp('link', 'set', name, 'up');
    stayOnOneCpu();
    return new VethLoop(toolbox, await toolbox.load('ends.c', 'bench_send'), await toolbox.load('ends.c', 'bench_sink'));
  }

  /** Nanoseconds of the loop for a frame, with the do-nothing program (`scene` undefined) or the scene's. */
  measure(
    wrapper: Wrapper,
    scene: Scene | undefined,
    sent: { range: FrameRange; runs: number; reason: string; bytesBack: number },
  ): number {
    replaceProgram(this.#links[0], (scene?.program ?? this.#toolbox.nothing).id);
    wrapper.aim(this.#sender);
    for (let attempt = 1; ; attempt++) {
      const reasons = scene?.countReasons();
      const before = this.#countSunk();
      const nanoseconds = wrapper.runLive({ range: sent.range, target: 'measured', runs: sent.runs, fresh: undefined }, FAR.ifindex);
      const after = this.#countSunk();
      const back = { frames: after.frames - before.frames, bytes: after.bytes - before.bytes };
      if (back.frames < sent.runs && attempt < ATTEMPTS) continue;
      checkLoop(sent, back);
      if (reasons !== undefined && scene !== undefined) {
        checkReasons({ name: 'veth-loop', reason: sent.reason }, reasons, scene.countReasons(), sent.runs);
      }
      return nanoseconds;
    }
  }

  close(): void {
    for (const link of this.#links) closeSync(link);
    this.#sender.close();
    this.#sink.close();
    runIp('link', 'delete', NEAR.name);
  }

  #countSunk(): Count {
    const values = this.#sink.maps.get('bench_sunk')?.lookup(Buffer.alloc(4));
    if (values === undefined) throw new FairleadError('FL_E_LOAD', 'the sink has no map bench_sunk');
    let [frames, bytes] = [0, 0];
    for (let at = 0; at < values.length; at += 16) {
      frames += Number(values.readBigUInt64LE(at));
      bytes += Number(values.readBigUInt64LE(at + 8));
    }
    return { frames, bytes };
  }
}

/** Throws FL_E_SYSTEM unless each frame that was sent came back with the length that the path gives it. */
export function checkLoop(sent: { readonly runs: number; readonly bytesBack: number }, back: Count): void {
  if (back.frames === sent.runs && back.bytes === sent.runs * sent.bytesBack) return;
  const wanted = `${sent.runs} frames of ${sent.bytesBack} bytes`;
  throw new FairleadError('FL_E_SYSTEM', `veth loop: of ${wanted} sent, ${back.frames} of together ${back.bytes} bytes came back`, {
    hint: 'the loop was not closed; no figure is given. Is another process on this CPU?',
  });
}

function runIp(...args: string[]): void {
  try {
    execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new FairleadError(missing ? 'FL_E_MISSING' : 'FL_E_SYSTEM', `ip ${args.join(' ')} failed`, {
      hint: missing ? 'apt-get install iproute2' : 'is this kernel built with veth?',
      cause,
    });
  }
}
