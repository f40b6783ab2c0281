// An agent on a platform that lacks what Windows lacks: no packet can grow, no program is replaced in one step, only drivers load.
// Imports platform/fake, which is told to lack it; agent/control by the bench.

import assert from 'node:assert/strict';
import type { Agent } from '../../../../agent/control/agent.js';
import { PROGRAM_NAME } from '../../../../agent/control/program/program.js';
import { FairleadError } from '../../../../agent/model/errors.js';
import type { Capabilities, TestRun } from '../../../../platform/port.js';
import { withCode } from '../../../platform/conformance.js';
import { makeKernel, TestBench, update } from '../support.js';

function benchWithout(...lacks: (keyof Capabilities)[]): TestBench {
  return new TestBench(makeKernel({ capabilities: Object.fromEntries(lacks.map((one) => [one, false])) }));
}

describe('where no packet can grow', () => {
  let bench: TestBench;
  beforeEach(() => {
    bench = benchWithout('growsHead');
  });
  afterEach(() => bench.dispose());

  const offersL2 = ({ code, hint = '' }: FairleadError): boolean => code === 'FL_E_UNSUPPORTED' && hint.includes('--dsr-dispatch=l2');

  it('a start in DSR by IPIP is refused, and leaves nothing', async () => {
    await assert.rejects(bench.start({ mode: 'dsr' }), offersL2);
    assert.deepEqual(bench.pins(), []);
    assert.equal(bench.platform.bpf.attachedProgram(2), undefined);
  });

  it('so is one whose mode stands in the state file, without any service', async () => {
    const agent = await bench.start({ mode: 'dsr', dispatch: 'l2' });
    await agent.close();
    bench.kill();
    await assert.rejects(bench.start(), offersL2);
    assert.equal(await (await bench.restart({ dispatch: 'l2' })).getMode(), 'dsr');
  });

  const changes: readonly (readonly [string, (agent: Agent) => Promise<unknown>])[] = [
    ['mode update', (agent) => agent.setMode('dsr')],
    ['a service with a mode of its own', (agent) => agent.updateService(update(1, [10], { mode: 'dsr' }))],
    ['a configuration', (agent) => agent.replaceDesired({ mode: 'dsr', services: [] }, false)],
    ['a dry run of a configuration', (agent) => agent.replaceDesired({ mode: 'dsr', services: [] }, true)],
  ];
  for (const [what, change] of changes) {
    it(`${what} that asks for it is refused, and writes nothing`, async () => {
      const agent = await bench.start();
      bench.kernel.journal.length = 0;
      await assert.rejects(change(agent), offersL2);
      assert.deepEqual(bench.writes(), []);
      assert.equal(await agent.getMode(), 'snat');
      assert.deepEqual(await agent.listServices(), []);
    });

    it(`${what} goes through with the dispatch that was offered`, async () => {
      await change(await bench.start({ dispatch: 'l2' }));
    });
  }
});

describe('where the program itself tells whether packets can grow', () => {
  /** A kernel whose program answers a frame of no device so; every other packet passes. */
  function benchThat(answer: (frame: Buffer) => Pick<TestRun, 'verdict' | 'packet'>): TestBench {
    const run = (packet: Buffer, ifindex: number) => (ifindex === 0 ? answer(packet) : { verdict: 'pass' as const, packet });
    return new TestBench(makeKernel({ capabilities: { growsHead: 'ask' }, programs: [{ name: PROGRAM_NAME, run }] }));
  }
  const grown = (frame: Buffer) => ({ verdict: 'pass', packet: Buffer.concat([Buffer.alloc(40), frame]) }) as const;

  it('DSR by IPIP is there when it says so, for the agent that adopts it as well', async () => {
    const bench = benchThat(grown);
    try {
      await (await bench.start({ mode: 'dsr' })).updateService(update(1, [10]));
      assert.equal(await (await bench.restart()).getMode(), 'dsr');
      assert.match(bench.said('verify'), /adopted/);
    } finally {
      bench.dispose();
    }
  });

  const noes = {
    'it drops the frame': (packet: Buffer) => ({ verdict: 'drop', packet }) as const,
    'the frame keeps its length': (packet: Buffer) => ({ verdict: 'pass', packet }) as const,
    'the system runs no program on a frame': () => {
      throw new FairleadError('FL_E_SYSTEM', 'not supported');
    },
  };
  for (const [when, answer] of Object.entries(noes)) {
    it(`no is the answer when ${when}: IPIP is refused and leaves nothing, and SNAT starts`, async () => {
      const bench = benchThat(answer);
      try {
        await assert.rejects(bench.start({ mode: 'dsr' }), withCode('FL_E_UNSUPPORTED', /IPIP/));
        assert.deepEqual(bench.pins(), []);
        await bench.start();
      } finally {
        bench.dispose();
      }
    });
  }
});

describe('where a program is not replaced in one step', () => {
  it('the start that replaces one says that there was a gap, and no other does', async () => {
    const bench = benchWithout('atomicReplace');
    try {
      const gap = /frames in between passed/;
      await bench.start();
      assert.doesNotMatch(bench.said('attach'), gap);
      await bench.restart();
      assert.match(bench.said('attach'), /\(adopted\)/);
      await bench.restart({ bpfObject: bench.object('newer') });
      assert.match(bench.said('attach'), /\(replaced; not in one step: frames in between passed to the system's own stack\)/);
    } finally {
      bench.dispose();
    }
  });
});

describe('where objects that are compiled here cannot be loaded', () => {
  it('the start says what to give, and a driver that is given is handed on as it is', async () => {
    const bench = benchWithout('loadsObjects');
    try {
      await assert.rejects(
        bench.start({ bpfObject: undefined }),
        ({ code, hint = '' }: FairleadError) => code === 'FL_E_UNSUPPORTED' && /--bpf-object=FILE\.sys.*docs\/windows\.md/.test(hint),
      );
      let loaded = '';
      const { platform } = bench;
      const load: typeof platform.bpf.load = (request) => {
        loaded = request.objectFile;
        return platform.bpf.load(request);
      };
      const driver = bench.object('MZ, no ELF', 'sys');
      await bench.start({ bpfObject: driver }, { ...platform, bpf: { ...platform.bpf, load } });
      assert.equal(loaded, driver);
      assert.match(bench.said('compile'), /\.sys, as given$/);
    } finally {
      bench.dispose();
    }
  });
});

describe("somebody else's program", () => {
  it('is to be taken off by the tool of its system', async () => {
    const bench = new TestBench();
    try {
      const id = bench.kernel.attachForeign(2, 'stranger');
      const hintOn = (flavour: 'linux' | 'windows') =>
        bench.start({}, { ...bench.platform, flavour }).then(
          () => 'it was taken',
          (error: FairleadError) => error.hint ?? '',
        );
      assert.match(await hintOn('windows'), new RegExp(`netsh\\.exe ebpf delete program ${id}$`));
      assert.match(await hintOn('linux'), /ip link set dev eth0 xdp off/);
    } finally {
      bench.dispose();
    }
  });
});
