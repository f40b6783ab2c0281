// Which clients may begin flows: a service's own source ranges, and the list of clients that no service takes.
// Imports the packet builder and the worlds of the tests.
// Ranges of other lengths, services and permits stand beside the one that decides, where they could be mistaken for it.

import type { PacketCase } from '../case.js';
import type { RangeState } from '../policy-state.js';
import { countedFlow, dsr, establishedFlow, establishedReverse, newFlow, newReverse, serviceEntry } from '../states.js';
import type { Change, Protocol, World } from '../world.js';

const SYN: Change = { flags: ['syn'] };

export function sourceRangeCases(world: World): readonly PacketCase[] {
  const { CLIENT, ELSEWHERE, family, ONE_PORT, request, steeredRequest, translatedRequest, VIP } = world;
  const bits = family === 4 ? 32 : 128;
  // Prefixes that hold the client's address, long to short; nets of the worlds: 20.1.1.0/24 and 3fff:c::/32.
  const own = `${CLIENT.address}/${bits}`;
  const [net, wide, all] = family === 4 ? ['20.1.1.0/24', '20.0.0.0/8', '0.0.0.0/0'] : ['3fff:c:c:c::/64', '3fff::/16', '::/0'];
  const neighbour = `${ELSEWHERE.client}/${bits}`;
  const far = `${ELSEWHERE.far}/${bits}`;
  const range = (permit: RangeState['permit'], prefix: string, serviceId = 1): RangeState => ({ serviceId, prefix, permit });

  const ranges = { ranges: true, allowedAlone: false };
  const allowed = { ranges: true, allowedAlone: true };
  const base = { settings: ONE_PORT, packet: request('tcp', SYN) } as const;
  const state = (policy: object, list: readonly RangeState[]) => ({ services: [serviceEntry(world, 'tcp', { policy })], ranges: list });

  const denied = (title: string, policy: object, list: readonly RangeState[], more: Partial<PacketCase> = {}): PacketCase => ({
    ...base,
    title,
    before: state(policy, list),
    verdict: 'drop',
    reason: 'source_denied',
    ...more,
  });
  const taken = (title: string, policy: object, list: readonly RangeState[], more: Partial<PacketCase> = {}): PacketCase => ({
    ...base,
    title,
    before: state(policy, list),
    verdict: 'tx',
    reason: 'snat_request',
    out: translatedRequest('tcp', SYN),
    flows: [newFlow(world, 'tcp')],
    replies: [newReverse(world, 'tcp')],
    ...more,
  });
  /** The UDP service, id 2, beside a TCP service with ranges of its own. */
  const udp = (policy: object) => ({ services: [serviceEntry(world, 'tcp', { policy: allowed }), serviceEntry(world, 'udp', { policy })] });
  const began = (protocol: Protocol) => ({ flows: [newFlow(world, protocol)], replies: [newReverse(world, protocol)] });

  return [
    denied('a client in a denied range begins no flow', ranges, [range('deny', net)]),
    denied('a client whose own address is denied begins no flow', ranges, [range('deny', own)]),
    denied('a denied range of length 0 holds every client', ranges, [range('deny', all)]),
    taken('a client beside a denied address begins a flow', ranges, [range('deny', neighbour), range('deny', far)]),
    taken('a client in an allowed range begins a flow', allowed, [range('allow', net)]),
    taken('a client whose own address is allowed begins a flow', allowed, [range('allow', own)]),
    denied('where ranges are allowed, a client in none of them begins no flow', allowed, [range('allow', neighbour), range('allow', far)]),
    denied('of ranges that overlap the longest decides: denied within allowed', allowed, [range('allow', wide), range('deny', net)]),
    taken('of ranges that overlap the longest decides: allowed within denied', ranges, [
      range('deny', all),
      range('deny', wide),
      range('allow', net),
    ]),
    taken("another service's ranges do not count", ranges, [range('deny', own, 2), range('deny', far)]),
    denied("another service's allowed range does not count", allowed, [range('allow', own, 2), range('allow', far)]),
    taken('ranges count only when the service entry says that there are some', {}, [range('deny', own), range('deny', own, 0)]),

    denied('a client on the list of all services begins no flow', { denyList: true }, [range('deny', net, 0)]),
    denied("a client on the list of all services begins no flow, whatever the service's own ranges allow", { ...allowed, denyList: true }, [
      range('deny', wide, 0),
      range('allow', own),
    ]),
    denied('the list of all services leaves those that the service denies itself', { ...ranges, denyList: true }, [
      range('deny', far, 0),
      range('deny', own),
    ]),
    taken('the list of all services counts only when the service entry says that there is one', ranges, [range('deny', own, 0)]),
    taken('a client that is not on the list of all services begins a flow', { denyList: true }, [range('deny', neighbour, 0)]),
    taken("the list of all services is not the service's own: its flag alone does not deny the others", { denyList: true }, [
      range('deny', far, 0),
      range('deny', own),
    ]),

    denied('a denied client is dropped before its expired TTL is answered', ranges, [range('deny', net)], {
      packet: request('tcp', { ...SYN, ip: { ttl: 1 } }),
    }),
    {
      ...denied('a denied client begins no UDP flow', {}, []),
      packet: request('udp'),
      before: { ...udp(ranges), ranges: [range('deny', net, 2)] },
    },
    {
      ...taken("a UDP client is asked for its own service's ranges", {}, []),
      packet: request('udp'),
      before: { ...udp(allowed), ranges: [range('allow', net, 2), range('deny', net, 1)] },
      out: translatedRequest('udp'),
      ...began('udp'),
    },
    {
      ...denied('a denied client is dropped under DSR too', {}, []),
      before: { services: [serviceEntry(world, 'tcp', { action: 'dsr-l2', policy: ranges })], ranges: [range('deny', net)] },
    },
    {
      ...taken('an allowed client begins a flow under DSR', {}, []),
      before: { services: [serviceEntry(world, 'tcp', { action: 'dsr-l2', policy: allowed })], ranges: [range('allow', net)] },
      reason: 'dsr_l2',
      out: steeredRequest('tcp', SYN),
      flows: [newFlow(world, 'tcp', dsr('dsr-l2'))],
      replies: [],
    },
    {
      ...base,
      title: 'a flow that has begun goes on when its client is denied',
      packet: request('tcp'),
      before: {
        ...state(ranges, [range('deny', own)]),
        flows: [establishedFlow(world, 'tcp')],
        replies: [establishedReverse(world, 'tcp')],
      },
      verdict: 'tx',
      reason: 'snat_request',
      out: translatedRequest('tcp'),
      flows: [countedFlow(world, 'tcp', world.bare('tcp'))],
      replies: [establishedReverse(world, 'tcp')],
    },
    {
      ...base,
      title: 'a packet of a denied client to no service passes',
      packet: request('tcp', { ...SYN, dstPort: VIP.tcpPort + 1 }),
      before: state({ ...ranges, denyList: true }, [range('deny', all), range('deny', all, 0)]),
      verdict: 'pass',
      reason: 'no_service',
    },
  ];
}
