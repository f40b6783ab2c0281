// Resets as clients send them when a challenge comes, and such as only look like them.
// Imports test/bpf's hosts and packets, and frames.ts.
// Invariant: the number is of a challenge that was sent, or one bit apart from it, where there was any.

import { formatAddress } from '../../agent/model/address.js';
import { HOSTS } from '../bpf/hosts.js';
import { ipLayer } from '../bpf/packet.js';
import { buildFrame, ethernet, tcp, vlan } from '../support/packet/build.js';
import { betweenHeaders, type Shape } from './frames.js';
import { type Family, type State, TCP } from './state.js';
import { clientAddress, hex } from './world.js';

const address = (text: string): string => formatAddress(Buffer.from(text, 'hex'));

/** `wrong`: 0 to 31, which bit; 32 to 35, how much is added; 36, from whom; more: nothing. */
export function buildProof(state: State, family: Family, { pick, wrong }: { pick: number; wrong: number }, shape: Shape): Buffer {
  const { CLIENT, LB, VIP } = HOSTS[family];
  const none = { saddr: hex(clientAddress(family, 0)), daddr: hex(VIP.address), sport: 40000, dport: VIP.tcpPort, protocol: TCP };
  const known = [...(state.cookies ?? new Map()).values()].filter(({ tuple }) => tuple.saddr.length === none.saddr.length);
  const { tuple, number } = known[known.length - 1 - (pick % Math.max(known.length, 1))] ?? { tuple: none, number: 0 };
  const seq = wrong < 32 ? (number ^ (1 << wrong)) >>> 0 : wrong < 36 ? (number + wrong - 31) >>> 0 : number;
  const src = wrong === 36 ? clientAddress(family, 5) : address(tuple.saddr);
  const { header, extensions } = betweenHeaders(family, shape);
  return buildFrame(
    ethernet({ dst: pick === 7 ? '01:00:5e:00:00:01' : LB.mac, src: CLIENT.mac }),
    ...shape.tags.map(vlan),
    ipLayer(family, { src, dst: address(tuple.daddr), ttl: shape.hops, tos: shape.tos, ...header }),
    ...extensions,
    tcp({ src: tuple.sport, dst: tuple.dport, window: 0, seq, ack: 0, flags: ['rst'] }),
    Buffer.alloc(shape.padding, 0x5a),
  );
}
