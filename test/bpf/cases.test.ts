// The packet cases checked against themselves, those among them that no data plane can run yet: every frame that a case expects is
// sound, and differs from the one that came in by the fields alone that its way changes.
// Imports the cases and the packet tools; needs no kernel.

import assert from 'node:assert/strict';
import { ETHERTYPE } from '../support/packet/build.js';
import { diffFrames } from '../support/packet/diff.js';
import { decodeFrame, findWrongChecksums } from '../support/packet/parse.js';
import type { PacketCase } from './case.js';
import { groupsOf } from './cases/index.js';
import { FAMILIES } from './hosts.js';
import { isSound } from './sound.js';
import { ETHERNET_HEADER, WORLDS } from './world.js';

const SNAT = /^(eth\.(dst|src)|ip\.(src|dst|ttl|hopLimit|checksum)|(tcp|udp)\.(src|dst|checksum|head \(\d+ bytes\)))$/;
const DSR = /^(eth\.(dst|src)|ip\.(ttl|hopLimit|checksum))$/;
/** What may change besides where a reply gets its client's tags. */
const TAGS = /^(frame length|eth\.type|(vlan\.)+(id|priority|dropEligible|type))$/;

/** Reasons of what leaves though it is no packet of a flow. */
const NOT_OF_A_FLOW = /^icmp_|^too_big_|^vip_echo|^no_backend_/;

/** Where the IP header stands. */
function findIp(frame: Buffer): number {
  let at = ETHERNET_HEADER;
  while ([ETHERTYPE.vlan, ETHERTYPE.qinq].some((type) => type === frame.readUInt16BE(at - 2))) at += 4;
  return at;
}

/** The frame without the outer of its two IP headers. */
function unwrap(frame: Buffer): Buffer {
  const at = findIp(frame);
  const inner = at + (frame.readUInt16BE(at - 2) === ETHERTYPE.ipv6 ? 40 : 20);
  const type = (frame[inner] as number) >> 4 === 6 ? ETHERTYPE.ipv6 : ETHERTYPE.ipv4;
  return Buffer.concat([frame.subarray(0, at - 2), Buffer.from([type >> 8, type & 0xff]), frame.subarray(inner)]);
}

function hops(frame: Buffer): number {
  return Number(decodeFrame(frame).find(({ name }) => name === 'ip.ttl' || name === 'ip.hopLimit')?.text);
}

function checkForwarded(given: PacketCase): void {
  const { packet, out, wrongChecksum } = given;
  assert.ok(out !== undefined, 'a packet that is forwarded leaves changed');
  if (NOT_OF_A_FLOW.test(given.reason)) {
    assert.equal(findWrongChecksums(out).length > 0, wrongChecksum === true, findWrongChecksums(out).join());
    return;
  }
  assert.ok(isSound(packet, true), 'a packet that is forwarded is sound');
  assert.equal(findWrongChecksums(out).length > 0, wrongChecksum === true, findWrongChecksums(out).join());
  const wrapped = isWrapped(given);
  const inside = wrapped ? unwrap(out) : out;
  assert.equal(hops(inside), hops(packet) - 1);
  if (wrapped) assert.equal(hops(out), 64);
  // Clamping changes an option as well, which the decoder has in the payload.
  const clamped = given.settings?.mssClamp ? /^tcp\.(payload|checksum)/ : undefined;
  const mayChange = given.reason.startsWith('snat') ? SNAT : DSR;
  const changed = diffFrames(inside, packet).map((line) => line.split(': ')[0] as string);
  assert.deepEqual(
    changed.filter((name) => !mayChange.test(name) && clamped?.test(name) !== true && !(given.earlier !== undefined && TAGS.test(name))),
    [],
  );
}

/** Does the packet leave in an outer header? */
function isWrapped({ packet, out }: PacketCase): boolean {
  return (
    out !== undefined &&
    decodeFrame(out).some(({ name }) => name === 'ip.ip.src') &&
    !decodeFrame(packet).some(({ name }) => name === 'ip.ip.src')
  );
}

for (const family of FAMILIES) {
  describe(`packet cases, IPv${family}`, () => {
    const groups = groupsOf(WORLDS[family], 'all');
    for (const [group, cases] of Object.entries(groups)) {
      it(`of '${group}' have titles of their own`, () => {
        const titles = cases.map(({ title }) => title);
        assert.deepEqual(
          titles.filter((title, i) => titles.indexOf(title) !== i),
          [],
        );
      });
      for (const given of cases) {
        it(`agree with themselves: ${given.title}`, () => {
          if (given.verdict === 'tx' || given.verdict === 'redirect') checkForwarded(given);
          else if (given.verdict === 'pass') assert.deepEqual(diffFrames(given.out ?? given.packet, given.packet), []);
        });
      }
    }
  });
}
