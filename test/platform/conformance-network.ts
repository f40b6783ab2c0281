// Conformance of links, devices, routes, neighbours and events.
// Imports platform/port and its siblings.
// Invariant: the same expectations hold for the kernel and for the fake.

import assert from 'node:assert/strict';
import type { BpfProgram, NetworkEvent } from '../../platform/port.js';
import { type Subject, WIRE_FAMILIES, type Wire, withCode } from './conformance.js';

/** Does `action` and waits for an event that `wanted` accepts. Fails after five seconds. */
async function expectEvent(subject: Subject, wanted: (event: NetworkEvent) => boolean, action: () => void): Promise<NetworkEvent> {
  const seen: NetworkEvent[] = [];
  let timer: NodeJS.Timeout | undefined;
  let watch: { close(): void } | undefined;
  try {
    return await new Promise((resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no such event; seen: ${JSON.stringify(seen)}`)), 5000);
      watch = subject.platform.network.watch((event) => {
        seen.push(event);
        if (wanted(event)) resolve(event);
      });
      action();
    });
  } finally {
    clearTimeout(timer);
    watch?.close();
  }
}

export function describeNetwork(subject: () => Subject): void {
  const hasNoTables = (family: 4 | 6): boolean => family === 6 && (subject().lacks?.includes('IPv6 tables') ?? false);
  const wire = (): Wire => {
    const { wire: found } = subject();
    assert.ok(found, 'this part needs a device');
    return found;
  };

  describe('links', () => {
    let programs: BpfProgram[] = [];
    const path = (): string => `${subject().pinDirectory}/link`;
    beforeEach(async () => {
      const { platform, objectFile, pinDirectory } = subject();
      platform.bpf.makePinDirectory(pinDirectory);
      const load = (program: string): Promise<BpfProgram> => platform.bpf.load({ objectFile, program, pinDirectory: undefined });
      programs = [await load('probe_device'), await load('probe_grow')];
    });
    afterEach(() => {
      subject().platform.bpf.openPinnedLink(path())?.remove();
      for (const program of programs) program.close();
      subject().platform.bpf.removePins(subject().pinDirectory);
    });
    const first = (): BpfProgram => programs[0] as BpfProgram;
    const second = (): BpfProgram => programs[1] as BpfProgram;

    for (const mode of ['native', 'generic'] as const) {
      it(`${mode}: a program is attached, replaced by a later process, and removed`, async () => {
        const { bpf } = subject().platform;
        assert.equal(bpf.attachedProgram(wire().ifindex), undefined);
        if (mode === 'generic' && subject().lacks?.includes('modes')) {
          await assert.rejects(bpf.attach(first(), wire().ifindex, mode, path()), withCode('FL_E_UNSUPPORTED', /generic/));
          return;
        }
        const link = await bpf.attach(first(), wire().ifindex, mode, path());
        assert.deepEqual(bpf.attachedProgram(wire().ifindex), { programId: first().id, programName: 'probe_device', mode });
        assert.equal(link.ifindex, wire().ifindex);
        assert.equal(link.programId, first().id);
        link.close();
        assert.equal(bpf.attachedProgram(wire().ifindex)?.programId, first().id, 'the pin holds it');
        const later = bpf.openPinnedLink(path());
        assert.equal(later?.id, link.id);
        await later?.replaceProgram(second());
        assert.equal(later?.programId, second().id);
        assert.deepEqual(bpf.attachedProgram(wire().ifindex), { programId: second().id, programName: 'probe_grow', mode });
        later?.remove();
        assert.equal(bpf.attachedProgram(wire().ifindex), undefined);
        assert.deepEqual(bpf.listPins(subject().pinDirectory), []);
        assert.equal(bpf.openPinnedLink(path()), undefined);
      });
    }

    it('removing detaches even while another handle is open', async () => {
      const { bpf } = subject().platform;
      const link = await bpf.attach(first(), wire().ifindex, 'native', path());
      const other = bpf.openPinnedLink(path());
      link.remove();
      assert.equal(bpf.attachedProgram(wire().ifindex), undefined);
      assert.equal(other?.ifindex, 0);
      await assert.rejects(async () => other?.replaceProgram(second()), withCode('FL_E_ATTACH'));
      other?.close();
    });

    it("somebody else's program is named and left alone", async () => {
      const { bpf } = subject().platform;
      const takeOff = wire().attachForeign();
      const foreign = bpf.attachedProgram(wire().ifindex);
      assert.ok(foreign);
      await assert.rejects(
        bpf.attach(first(), wire().ifindex, 'native', path()),
        withCode('FL_E_FOREIGN_PROGRAM', new RegExp(`program ${foreign.programId} `)),
      );
      assert.equal(bpf.attachedProgram(wire().ifindex)?.programId, foreign.programId);
      assert.deepEqual(bpf.listPins(subject().pinDirectory), []);
      takeOff();
    });

    it('a link that cannot be pinned leaves nothing attached', async () => {
      const { bpf } = subject().platform;
      const taken = `${subject().pinDirectory}/taken`;
      second().pin(taken);
      await assert.rejects(bpf.attach(first(), wire().ifindex, 'native', taken), withCode('FL_E_ATTACH', /taken/));
      assert.equal(bpf.attachedProgram(wire().ifindex), undefined);
    });

    it('a device that does not exist is refused', async () => {
      await assert.rejects(subject().platform.bpf.attach(first(), 999_999, 'native', path()), withCode('FL_E_ATTACH', /999999/));
      assert.equal(subject().platform.bpf.attachedProgram(999_999), undefined);
    });
  });

  describe('network', () => {
    it('devices have names, MACs, MTUs and addresses', () => {
      const device = subject()
        .platform.network.interfaces()
        .find(({ index }) => index === wire().ifindex);
      assert.match(device?.mac ?? '', /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
      assert.deepEqual(
        { ...device, mac: '' },
        {
          name: wire().name,
          index: wire().ifindex,
          mac: '',
          mtu: 1500,
          up: true,
          addresses: WIRE_FAMILIES.map(({ address, prefixLength }) => ({ address, prefixLength })),
        },
      );
      assert.equal(
        subject()
          .platform.network.interfaces()
          .some(({ name }) => name === 'lo'),
        true,
      );
    });

    for (const net of WIRE_FAMILIES) {
      it(`IPv${net.family}: a route is on the link, through a router, local or absent`, () => {
        const { network } = subject().platform;
        const { ifindex } = wire();
        const source = net.address;
        assert.deepEqual(network.route(net.onLink), { ifindex, nextHop: net.onLink, source, local: false });
        if (!hasNoTables(net.family)) assert.deepEqual(network.route(net.beyond), { ifindex, nextHop: net.router, source, local: false });
        assert.equal(network.route(net.address)?.local, true);
        assert.equal(network.route(net.nowhere), undefined);
      });

      for (const [what, address] of [
        ['neighbour', net.neighbour],
        ['router', net.router],
      ] as const) {
        it(`IPv${net.family}: a ${what} that is asked for answers with an event`, async function () {
          if (hasNoTables(net.family)) this.skip();
          const { network } = subject().platform;
          const { ifindex, neighbourMac } = wire();
          // Twice: unknown at first, then known and probed again.
          for (let round = 0; round < 2; round++) {
            await expectEvent(
              subject(),
              (event) => event.kind === 'neighbour' && event.neighbour.address === address && event.neighbour.state === 'reachable',
              () => network.solicit(ifindex, address),
            );
          }
          const found = network.neighbours().find((one) => one.address === address);
          assert.deepEqual(found, { ifindex, address, mac: neighbourMac, state: 'reachable' });
        });
      }

      it(`IPv${net.family}: a neighbour that stays silent has no MAC`, () => {
        const { network } = subject().platform;
        network.solicit(wire().ifindex, net.silent);
        const found = network.neighbours().find(({ address }) => address === net.silent);
        assert.deepEqual(found, { ifindex: wire().ifindex, address: net.silent, mac: undefined, state: 'incomplete' });
        assert.throws(() => network.solicit(999_999, net.silent), withCode('FL_E_NOT_FOUND', /999999/));
      });
    }

    it('text that is no address has no route and is no neighbour', () => {
      const { network } = subject().platform;
      for (const text of ['nonsense', '10.99.0', 'fe80::2%wire']) {
        assert.throws(() => network.route(text), withCode('FL_E_VALUE', new RegExp(text)));
        assert.throws(() => network.solicit(wire().ifindex, text), withCode('FL_E_VALUE', new RegExp(text)));
      }
    });

    it('changes of links, addresses and routes are told', async () => {
      const { ifindex } = wire();
      // There and back again.
      for (let round = 0; round < 2; round++) {
        await expectEvent(
          subject(),
          (event) => event.kind === 'link' && event.ifindex === ifindex,
          () => wire().changeLink(),
        );
        await expectEvent(
          subject(),
          (event) => event.kind === 'address' && event.ifindex === ifindex,
          () => wire().changeAddress(),
        );
        await expectEvent(
          subject(),
          (event) => event.kind === 'route',
          () => wire().changeRoute(),
        );
      }
    });

    it('a closed watch tells nothing, and can be closed by its own listener', async () => {
      let told = 0;
      const { network } = subject().platform;
      const watch = network.watch(() => {
        told++;
        watch.close();
      });
      await expectEvent(
        subject(),
        ({ kind }) => kind === 'link',
        () => wire().changeLink(),
      );
      await expectEvent(
        subject(),
        ({ kind }) => kind === 'link',
        () => wire().changeLink(),
      );
      watch.close();
      assert.equal(told, 1);
    });

    it('settings: local ports and forwarding', () => {
      const [low, high] = subject().platform.network.localPortRange();
      assert.ok(low > 0 && low < high && high < 65536, `${low}-${high}`);
      for (const { family } of WIRE_FAMILIES) {
        assert.equal(subject().platform.network.forwardingEnabled(wire().ifindex, family), false);
        assert.throws(() => subject().platform.network.forwardingEnabled(999_999, family), withCode('FL_E_NOT_FOUND', /999999/));
      }
    });

    it('this boot has one name, for this process and a later one', () => {
      const { platform, restart } = subject();
      const name = platform.bootIdentity();
      assert.match(name, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
      assert.equal(platform.bootIdentity(), name);
      assert.equal(restart().bootIdentity(), name);
    });
  });
}
