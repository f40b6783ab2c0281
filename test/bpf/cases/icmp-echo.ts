// Echo requests to a service's address, which the program answers itself.
// Imports the packet builders and the worlds of the tests.

import { buildFrame, destinationOptions, ethernet, icmp, icmpv6, patchFrame, vlan } from '../../support/packet/build.js';
import type { PacketCase } from '../case.js';
import { ipLayer } from '../packet.js';
import { establishedFlow, serviceEntry } from '../states.js';
import type { IpChange, World } from '../world.js';
import { pass } from './ways.js';

interface Ping {
  readonly ip?: IpChange;
  readonly payload?: string;
  readonly code?: number;
  readonly checksum?: number;
  readonly dstMac?: string;
  readonly tags?: readonly { readonly id: number }[];
  readonly header?: Buffer;
}

export function icmpEchoCases(world: World): readonly PacketCase[] {
  const { CLIENT, ELSEWHERE, family, LB, SETTINGS, VIP } = world;
  const message = (reply: boolean, { code = 0, checksum }: Ping) => {
    const given = { code, rest: 0x12340007, ...(checksum === undefined ? {} : { checksum }) };
    return family === 4 ? icmp({ type: reply ? 0 : 8, ...given }) : icmpv6({ type: reply ? 129 : 128, ...given });
  };
  const request = (ping: Ping = {}) =>
    buildFrame(
      ethernet({ dst: ping.dstMac ?? LB.mac, src: CLIENT.mac }),
      ...(ping.tags ?? []).map(vlan),
      ipLayer(family, { src: CLIENT.address, dst: VIP.address, ttl: 61, ...ping.ip }),
      ...(ping.header === undefined ? [] : [destinationOptions({ options: ping.header })]),
      message(false, ping),
      Buffer.from(ping.payload ?? 'abcdefgh'),
    );
  const answered = (title: string, ping: Ping = {}, more: Partial<PacketCase> = {}): PacketCase => ({
    title: `an echo request to a service's address, ${title}, is answered`,
    packet: request(ping),
    verdict: 'tx',
    reason: 'vip_echo',
    out: buildFrame(
      ethernet({ dst: CLIENT.mac, src: LB.mac }),
      ...(ping.tags ?? []).map(vlan),
      ipLayer(family, { ...ping.ip, src: VIP.address, dst: CLIENT.address, ttl: 64 }),
      message(true, ping),
      Buffer.from(ping.payload ?? 'abcdefgh'),
    ),
    ...more,
  });
  const passes = (title: string, ping: Ping, more: Partial<PacketCase> = {}) => pass('protocol', title, request(ping), more);
  return [
    answered('as ping sends it'),
    answered('without data', { payload: '' }),
    answered('of 1400 bytes', { payload: 'x'.repeat(1400) }),
    answered('of an odd length', { payload: 'odd' }),
    answered('with TTL 1', { ip: { ttl: 1 } }),
    answered('with TTL 255 and a type of service', { ip: { ttl: 255, tos: 0xb8 } }),
    answered('in two tags', { tags: [{ id: 5 }, { id: 7 }] }),
    answered('which has no backend', {}, { before: { services: [serviceEntry(world, 'tcp', { table: [] })] } }),
    {
      ...answered('damaged on the way, as damaged'),
      packet: patchFrame(request(), request().length - 1, [0x21]),
      out: patchFrame(answered('').out as Buffer, request().length - 1, [0x21]),
      wrongChecksum: true,
    },
    pass('no_service', 'an echo request to an address whose last service is gone passes', request(), {
      before: { services: [], flows: [establishedFlow(world, 'tcp')] },
    }),
    passes('an echo request to an address beside the service passes', { ip: { dst: ELSEWHERE.vip } }),
    passes('an echo request to the LB passes', { ip: { dst: LB.address } }),
    passes('an echo request of another code passes', { code: 1 }),
    passes('an echo request by a broadcast frame passes', { dstMac: 'ff:ff:ff:ff:ff:ff' }),
    passes('an echo request from a multicast address passes', { ip: { src: family === 4 ? '224.0.0.1' : 'ff02::1' } }),
    family === 4
      ? passes('an echo request with options passes', { ip: { v4: { options: Buffer.alloc(8, 1) } } })
      : passes('an echo request with extension headers passes', { header: Buffer.alloc(6) }),
    passes('an echo request passes when it is not to be answered', {}, { settings: { ...SETTINGS, vipEcho: false } }),
  ];
}
