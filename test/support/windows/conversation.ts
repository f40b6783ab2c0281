// A connection's first packets through a program of the Windows flavour, for each family, and what must become of them under SNAT.
// Imports test/platform's wire families and test/support/packet.
// Invariant: every field that SNAT changes is looked at, and every checksum.

import assert from 'node:assert/strict';
import type { WireFamily } from '../../platform/conformance.js';
import { addressText, addressBytes } from '../packet/address.js';
import { buildFrame, ethernet, ipv4, ipv6, type TcpFlag, tcp } from '../packet/build.js';
import { decodeFrame, findWrongChecksums } from '../packet/parse.js';

/** Hands a frame that came in by the device to the program. */
export type Receive = (packet: Buffer) => { readonly verdict: string; readonly packet: Buffer };

/** MACs of the load balancer's device and of the node on its wire. */
export interface Link {
  readonly own: string;
  readonly neighbour: string;
}

const CLIENT_MAC = '02:00:00:00:00:07';
const CLIENT = { 4: '10.99.0.7', 6: 'fd99::7' } as const;
const VIP = { 4: '40.1.1.1', 6: '2001:db8:40::1' } as const;
const [CLIENT_PORT, SERVICE_PORT, BACKEND_PORT] = [40000, 80, 8080];

/** 1 for IPv4, 2 for IPv6. */
export const serviceId = ({ family }: WireFamily): number => (family === 4 ? 1 : 2);

const bracketed = (address: string): string => (address.includes(':') ? `[${address}]` : address);

/** The command that makes the family's service: its backend is the neighbour on the wire. */
export function serviceCommand(own: WireFamily): string {
  const [vip, backend] = [bracketed(VIP[own.family]), bracketed(own.neighbour)];
  return `service update --frontend=${vip}:${SERVICE_PORT} --backends=${backend}:${BACKEND_PORT} --id=${serviceId(own)}`;
}

type End = readonly [address: string, port: number];

function frame(family: 4 | 6, macs: readonly [from: string, to: string], from: End, to: End, flags: readonly TcpFlag[]): Buffer {
  const ends = { src: from[0], dst: to[0] };
  return buildFrame(
    ethernet({ src: macs[0], dst: macs[1] }),
    family === 4 ? ipv4(ends) : ipv6(ends),
    tcp({ src: from[1], dst: to[1], flags }),
  );
}

/** A request of the client's one connection, as it comes in. */
export function request({ family }: WireFamily, link: Link, flags: readonly TcpFlag[], port = SERVICE_PORT): Buffer {
  return frame(family, [CLIENT_MAC, link.own], [CLIENT[family], CLIENT_PORT], [VIP[family], port], flags);
}

/** What stands in a frame, and that its checksums are right. */
export function endsOf(packet: Buffer): { readonly macs: readonly unknown[]; readonly from: End; readonly to: End } {
  assert.deepEqual(findWrongChecksums(packet), []);
  const fields = new Map(decodeFrame(packet).map(({ name, text }) => [name, text]));
  const end = (which: string): End => [fields.get(`ip.${which}`) ?? '', Number(fields.get(`tcp.${which}`))];
  return { macs: [fields.get('eth.src'), fields.get('eth.dst')], from: end('src'), to: end('dst') };
}

const written = (address: string): string => addressText(addressBytes(address));

/** Sends the connection's SYN and its answer through the program; returns the SNAT port. */
export function assertTranslated(own: WireFamily, link: Link, receive: Receive): number {
  const { family, address, neighbour } = own;
  const sent = receive(request(own, link, ['syn']));
  assert.equal(sent.verdict, 'tx');
  const out = endsOf(sent.packet);
  const port = out.from[1];
  assert.deepEqual(out, {
    macs: [link.own, link.neighbour],
    from: [written(address), port],
    to: [written(neighbour), BACKEND_PORT],
  });
  const answer = frame(family, [link.neighbour, link.own], [neighbour, BACKEND_PORT], [address, port], ['syn', 'ack']);
  const back = receive(answer);
  assert.equal(back.verdict, 'tx');
  assert.deepEqual(endsOf(back.packet), {
    macs: [link.own, CLIENT_MAC],
    from: [written(VIP[family]), SERVICE_PORT],
    to: [written(CLIENT[family]), CLIENT_PORT],
  });
  return port;
}

/** Sends the SYN of another connection, from the client's next port, which DSR by L2 hands on with other MACs alone. */
export function assertHandedOn({ family, neighbour }: WireFamily, link: Link, receive: Receive): void {
  const ends = [
    [CLIENT[family], CLIENT_PORT + 1],
    [VIP[family], SERVICE_PORT],
  ] as const;
  const sent = receive(frame(family, [CLIENT_MAC, link.own], ...ends, ['syn']));
  assert.equal(sent.verdict, 'tx', `to ${neighbour}`);
  const [from, to] = ends.map(([address, port]) => [written(address), port]);
  assert.deepEqual(endsOf(sent.packet), { macs: [link.own, link.neighbour], from, to });
}

/** Sends the connection's SYN, over IPv4, which DSR by IPIP wraps as it came, its time to live one less (RFC 2003 §3.1). */
export function assertWrapped({ address, neighbour }: WireFamily, link: Link, receive: Receive): void {
  const came = frame(4, [CLIENT_MAC, link.own], [CLIENT[4], CLIENT_PORT], [VIP[4], SERVICE_PORT], ['syn']);
  const { verdict, packet } = receive(came);
  assert.equal(verdict, 'tx');
  const outer = decodeFrame(packet).slice(0, -1);
  const of = (name: string) => outer.find((field) => field.name === name)?.text;
  assert.deepEqual([of('eth.src'), of('eth.dst'), of('ip.src'), of('ip.dst')], [link.own, link.neighbour, address, neighbour]);
  assert.equal(packet.length, came.length + 20);
  const inner = packet.subarray(14 + 20);
  assert.equal(inner.readUInt8(8), came.readUInt8(14 + 8) - 1);
  inner.copy(came, 14 + 8, 8, 12); // time to live and checksum
  assert.deepEqual(inner, came.subarray(14));
}

/** That dumpstate tells of this connection. */
export function assertDumped({ family, neighbour }: WireFamily, said: string): void {
  assert.match(said, /\b[12] flows?\n/);
  for (const part of [CLIENT[family], String(CLIENT_PORT), VIP[family], neighbour, String(BACKEND_PORT), 'snat'])
    assert.ok(said.includes(part), said);
}
