// The frame that a step stands for: of a client, a backend, a router, or nobody sound.
// Imports test/bpf's hosts and the builders of each kind.
// Invariant: what a backend or a router sends is about flows that are there, where there are any.

import { formatAddress } from '../../agent/model/address.js';
import { HOSTS } from '../bpf/hosts.js';
import type { Ends } from '../bpf/packet.js';
import { buildError } from './error-frames.js';
import { buildOdd, buildShape } from './frames.js';
import { PROBED_PORTS, virtualAddresses } from './frontends.js';
import { followed, takePiece } from './pieces.js';
import { buildPing } from './pings.js';
import { buildProof } from './proofs.js';
import { buildDatagram } from './quic-frames.js';
import { type Family, type State, TCP } from './state.js';
import type { Packet, Step } from './steps.js';
import { buildService, clientAddress, hex, SECOND_PORT, UDP_SERVICE } from './world.js';

const address = (text: string): string => formatAddress(Buffer.from(text, 'hex'));

function clientEnds(which: Family, client: number, port: number, service: number): Ends {
  const { VIP, ELSEWHERE, LB, CLIENT } = HOSTS[which];
  return {
    srcMac: CLIENT.mac,
    dstMac: LB.mac,
    src: clientAddress(which, client),
    dst: service === 2 ? ELSEWHERE.vip : VIP.address,
    sport: 40000 + port,
    dport: [VIP.tcpPort, VIP.udpPort, VIP.tcpPort, SECOND_PORT][service] as number,
    ttl: 64,
  };
}

export function buildFrame(state: State, given: Extract<Step, Packet>): Buffer {
  const { family: which } = given;
  if (given.kind === 'request') {
    const ends = clientEnds(which, given.client, given.port, given.service);
    return buildShape(which, ends, given.service === 1 ? 'udp' : 'tcp', given.shape);
  }
  if (given.kind === 'quic') {
    const ends = { ...clientEnds(which, given.client, 0, UDP_SERVICE), sport: 50_000 + given.port };
    const { id } = buildService(which, UDP_SERVICE, 0, []);
    const service = state.planes[which].services.find((other) => other.id === id);
    return buildShape(which, ends, 'udp', given.shape, buildDatagram(service?.quic, given.quic));
  }
  if (given.kind === 'probe') {
    const ends = {
      ...clientEnds(which, given.client, 0, 0),
      dst: address(virtualAddresses(which)[given.address] as string),
      dport: PROBED_PORTS[given.port] as number,
    };
    return buildShape(which, ends, given.udp ? 'udp' : 'tcp', given.shape);
  }
  if (given.kind === 'piece') {
    const { kind: _, client, service, isReply, pick, piece, ...rest } = given;
    const datagram = followed(state.planes[which], which, piece);
    if (datagram !== undefined) {
      const { tuple, later } = datagram;
      const ends = { ...clientEnds(which, 0, 0, 0), ...tuple, src: address(tuple.saddr), dst: address(tuple.daddr) };
      return takePiece(which, buildShape(which, ends, tuple.protocol === TCP ? 'tcp' : 'udp', given.shape), later);
    }
    const whole: Extract<Step, Packet> = isReply
      ? { kind: 'reply', pick, ...rest }
      : { kind: 'request', client, port: 0, service, ...rest };
    return takePiece(which, buildFrame(state, whole), piece);
  }
  if (given.kind === 'ping') {
    const dst = virtualAddresses(which)[given.address] ?? hex(HOSTS[which].LB.address);
    return buildPing(which, given.what, clientAddress(which, given.client), address(dst), given.shape);
  }
  if (given.kind === 'odd') {
    const ends = clientEnds(which, 0, 0, given.service);
    return buildOdd(which, given.what, buildShape(which, ends, 'tcp', given.shape), ends);
  }
  if (given.kind === 'proof') return buildProof(state, which, given, given.shape);
  if (given.kind === 'error') return buildError(state, which, given.error, given.shape);
  const entries = state.planes[which].replies.flatMap(({ entry }) => (entry === undefined ? [] : [entry]));
  const { BACKEND, LB } = HOSTS[which];
  const tuple = entries[given.pick % Math.max(entries.length, 1)]?.tuple ?? {
    saddr: hex(BACKEND.a.address),
    daddr: hex(LB.address),
    sport: BACKEND.a.port,
    dport: 20500 + given.pick,
    protocol: TCP,
  };
  const { sport, dport } = tuple;
  const ends = { srcMac: BACKEND.a.mac, dstMac: LB.mac, src: address(tuple.saddr), dst: address(tuple.daddr), sport, dport, ttl: 64 };
  return buildShape(which, ends, tuple.protocol === TCP ? 'tcp' : 'udp', given.shape);
}
