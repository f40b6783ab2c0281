// Faults in the life of flows and in what the data plane chooses: ports, backends, limits, next hops.
// Imports the types and runs.ts. Each is a slip that a person makes, in the data plane's C.

import type { Mutant } from '../mutant.js';
import { HASH, PACKETS, SEQUENCES } from './runs.js';

export const flowMutants: readonly Mutant[] = [
  {
    name: 'mode-switch-breaks-flows',
    file: 'bpf/balance/balance.h',
    find: `	begun = BEGUN(0ULL, slot->flow.action, slot->flow.snat_port) | BEGUN_WITH_SOURCE(slot->flow.snat_source);
`,
    replace: `	{
		const struct fl_service *service = FAMILY(service_find)(tuple);

		begun = BEGUN(0ULL, service ? service->action : slot->flow.action, slot->flow.snat_port) | BEGUN_WITH_SOURCE(slot->flow.snat_source);
	}
`,
    breaks: 'A flow does what its service does now: a mode switch breaks every connection.',
    tests: [PACKETS],
  },
  {
    name: 'generation-ignored',
    file: 'bpf/balance/slots.h',
    find: 'if (!backend || backend->generation != flow->backend_generation || backend->state == FL_BACKEND_FREE)',
    replace: 'if (!backend || backend->state == FL_BACKEND_FREE)',
    breaks: 'A flow goes to whatever backend has its backend’s slot by now.',
    tests: [PACKETS],
  },
  {
    name: 'free-slot-chosen',
    file: 'bpf/balance/next-hop.h',
    find: `	if (!backend || backend->state == FL_BACKEND_FREE)
		return 0;
	FAMILY(next_hop_ask)`,
    replace: `	if (!backend)
		return 0;
	FAMILY(next_hop_ask)`,
    breaks: 'A new flow is given to a slot without a backend.',
    tests: [PACKETS],
  },
  {
    name: 'ended-flow-keeps-its-port',
    file: 'bpf/balance/slots.h',
    find: `	if (slot_used((__u8)held))
		FAMILY(reverse_free)(slot, (__u8)held);
`,
    replace: '',
    breaks: 'When a flow begins anew its old reverse entry stays, and with it a port that is not free.',
    tests: [PACKETS],
  },
  {
    name: 'port-of-another-flow-freed',
    file: 'bpf/balance/slots.h',
    find: 'return reverse && FAMILY(reverse_is_of)(reverse, &slot->tuple, protocol) ? reverse : 0;',
    replace: 'return reverse;',
    breaks: 'A flow that ended after it lost its port takes the reverse entry of the port’s new flow away.',
    tests: [PACKETS],
  },
  {
    name: 'syn-belongs-to-closed-flow',
    file: 'bpf/balance/balance.h',
    find: 'return protocol == IPPROTO_TCP && tcp_closing(',
    replace: 'return protocol != IPPROTO_TCP && tcp_closing(',
    breaks: 'A client that reuses its port soon is taken for the connection that it has closed.',
    tests: [PACKETS],
  },
  {
    name: 'one-fin-closes',
    file: 'bpf/flow-life.h',
    find: 'return action != FL_ACTION_SNAT || (seen_in_reply & FL_SEEN_FIN);',
    replace: 'return 1;',
    breaks: 'A flow counts as closed after the client’s FIN, while the backend still sends.',
    tests: [PACKETS],
  },
  {
    name: 'syn-establishes',
    file: 'bpf/flow-life.h',
    find: `		timeout = cfg->timeout_syn;
`,
    replace: '',
    breaks: 'A SYN that nobody answered holds its port for six hours.',
    tests: [PACKETS],
  },
  {
    name: 'replies-do-not-count-as-life',
    file: 'bpf/balance/slots.h',
    find: 'reply_rest < rest ? reply_rest : rest);',
    replace: 'reply_rest < rest ? rest : rest);',
    breaks: 'A flow in which only the backend sends is taken for ended.',
    tests: [PACKETS],
  },
  {
    name: 'port-of-a-live-flow-taken',
    file: 'bpf/balance/snat.h',
    find: '		if (fate == SLOT_ENDED)\n',
    replace: '		if (fate == SLOT_LIVE)\n',
    breaks: 'A new flow takes over the SNAT port of another one that lives: two clients share replies.',
    tests: [PACKETS],
  },
  {
    name: 'lost-port-not-replaced',
    file: 'bpf/balance/balance.h',
    find: `		if (!FAMILY(flow_refresh)(ctx, &facts, index, now))
			goto begin;
`,
    replace: `		FAMILY(flow_refresh)(ctx, &facts, index, now);
`,
    breaks: 'A flow whose SNAT port has gone to another one keeps sending from it, and gets no reply.',
    tests: [PACKETS],
  },
  {
    name: 'lost-port-still-used',
    file: 'bpf/balance/snat.h',
    find: `	if (!reverse || !FAMILY(reverse_is_of)(reverse, &slot->tuple, facts->protocol))
		return 0;
	FAMILY(reverse_link)`,
    replace: `	if (!reverse)
		return 0;
	FAMILY(reverse_link)`,
    breaks: 'A flow whose port has gone to another flow directs that flow’s replies to its own client.',
    tests: [PACKETS],
  },
  {
    name: 'snat-range-one-short',
    file: 'bpf/snat-port.h',
    find: 'host <= cfg->snat_port_max;',
    replace: 'host < cfg->snat_port_max;',
    breaks: 'Replies to the last port of the SNAT range are not translated.',
    tests: [PACKETS],
  },
  {
    name: 'one-probe-alone',
    file: 'bpf/snat-port.h',
    find: '+ i * 0x9e3779b9;',
    replace: ';',
    breaks: 'Every probe tries the same port: two flows that prefer one port cannot both be served.',
    tests: [PACKETS, SEQUENCES],
  },
  {
    name: 'maglev-half-row-unread',
    file: 'bpf/maglev.h',
    find: 'found->backend_id[slot & (FL_MAGLEV_ROW - 1)]',
    replace: 'found->backend_id[slot & (FL_MAGLEV_ROW / 2 - 1)]',
    breaks: 'Half of each row of the Maglev table is never looked at: shares are not those of the weights.',
    tests: [PACKETS, SEQUENCES],
  },
  {
    name: 'flow-limit-never-reset',
    file: 'bpf/flow-limit.h',
    find: '		window->count = 0;\n',
    replace: '',
    breaks: 'The count of new flows never begins again: after the first full second nothing new is served.',
    tests: [PACKETS],
  },
  {
    name: 'flow-limit-off-by-one',
    file: 'bpf/flow-limit.h',
    find: 'if (window->count >= rate)',
    replace: 'if (window->count > rate)',
    breaks: 'One new flow more than the rate is allowed.',
    tests: [PACKETS],
  },
  {
    name: 'next-hop-asked-once',
    file: 'bpf/balance/next-hop.h',
    find: 'if (backend->next_hop_at && now - backend->next_hop_at < cfg->ticks_per_second)',
    replace: 'if (backend->next_hop_at)',
    breaks: 'A backend that gets another MAC address while no agent runs is not found again.',
    tests: [PACKETS],
  },
  {
    name: 'unresolved-backend-used',
    file: 'bpf/balance/balance.h',
    find: `	if (!(backend & BACKEND_REACHABLE))
		return BEGUN_REFUSED_BY(service->id, FL_REASON_UNRESOLVED);
`,
    replace: '',
    breaks: 'A flow is made, and takes a port, for a backend that cannot be reached.',
    tests: [PACKETS],
  },
  {
    name: 'live-slot-taken',
    file: 'bpf/balance/slots.h',
    find: 'if (fate == SLOT_LIVE || fate > worst)',
    replace: 'if (fate > worst)',
    breaks: 'When all slots that a flow may have hold live connections, it pushes one of them out.',
    tests: [HASH],
  },
  {
    name: 'slots-of-two-buckets',
    file: 'bpf/flow-life.h',
    find: '(i & 4 ? 0 : near)',
    replace: '(near & 0)',
    breaks: 'A flow has two buckets to stand in, not three: a table that is half full refuses flows.',
    tests: [HASH],
  },
  {
    name: 'last-slots-not-told',
    file: 'bpf/last-slots.h',
    find: 'known->used = 1;',
    replace: 'known->used = 0;',
    breaks: 'A flow that is put into one of its last slots is not found there: each of its packets begins it anew.',
    tests: [HASH],
  },
  {
    name: 'slot-taken-not-free',
    file: 'bpf/balance/slots.h',
    find: '\t\tif (fate < worst || rest > victim_rest) {',
    replace: '\t\tif (rest > victim_rest) {',
    breaks: 'Of the slots that a flow may have, one that holds a flow is taken though another is free.',
    tests: [HASH],
  },
  {
    name: 'reply-looked-up-elsewhere',
    file: 'bpf/balance/slots.h',
    find: 'return reverse_place(FAMILY(tuple_hash)(tuple, cfg->slot_seed));',
    replace: 'return reverse_place(FAMILY(tuple_hash)(tuple, cfg->hash_seed));',
    breaks: 'Where reverse entries stand can be worked out from outside, and ports be aimed at.',
    tests: [PACKETS],
  },
  {
    name: 'bit-of-part-of-the-address',
    file: 'bpf/family/ipv6.h',
    find: 'return address->word[0] ^ address->word[1] ^ address->word[2] ^ address->word[3];',
    replace: 'return address->word[3];',
    breaks: 'IPv6 services are not found by the bit that the agent has set.',
    tests: [HASH],
  },
];
