// Faults in the life of flows and in what the data plane chooses: ports, backends, limits, next hops.
// Imports the types and runs.ts. Each is a slip that a person makes, in the data plane's C.

import type { Mutant } from '../mutant.js';
import { PACKETS, SEQUENCES } from './runs.js';

export const flowMutants: readonly Mutant[] = [
  {
    name: 'mode-switch-breaks-flows',
    file: 'bpf/balance/balance.h',
    find: 'return FAMILY(act)(ctx, packet, tuple, backend, flow->action, flow->snat_port, 0);',
    replace: `const struct fl_service *service = FAMILY(service_find)(tuple);

			return FAMILY(act)(ctx, packet, tuple, backend, service ? service->action : flow->action, flow->snat_port, 0);`,
    breaks: 'A flow does what its service does now: a mode switch breaks every connection.',
    tests: [PACKETS],
  },
  {
    name: 'generation-ignored',
    file: 'bpf/balance/service.h',
    find: 'if (!backend || backend->generation != flow->backend_generation || backend->state == FL_BACKEND_FREE)',
    replace: 'if (!backend || backend->state == FL_BACKEND_FREE)',
    breaks: 'A flow goes to whatever backend has its backend’s slot by now.',
    tests: [PACKETS],
  },
  {
    name: 'free-slot-chosen',
    file: 'bpf/balance/service.h',
    find: `	backend = bpf_map_lookup_elem(&MAP_BACKENDS, backend_id);
	if (!backend || backend->state == FL_BACKEND_FREE)`,
    replace: `	backend = bpf_map_lookup_elem(&MAP_BACKENDS, backend_id);
	if (!backend)`,
    breaks: 'A new flow is given to a slot without a backend.',
    tests: [PACKETS],
  },
  {
    name: 'ended-flow-keeps-its-port',
    file: 'bpf/balance/balance.h',
    find: '				FAMILY(flow_forget)(flow, backend, tuple);\n',
    replace: '',
    breaks: 'When a flow begins anew its old reverse entry stays, and with it a port that is not free.',
    tests: [PACKETS],
  },
  {
    name: 'port-of-another-flow-freed',
    file: 'bpf/balance/balance.h',
    find: '	if (reverse && FAMILY(reverse_is_of)(reverse, tuple))\n		bpf_map_delete_elem',
    replace: '	if (reverse)\n		bpf_map_delete_elem',
    breaks: 'A flow that ended after it lost its port takes the reverse entry of the port’s new flow away.',
    tests: [PACKETS],
  },
  {
    name: 'syn-belongs-to-closed-flow',
    file: 'bpf/balance/conntrack.h',
    find: `	if (packet->protocol == IPPROTO_TCP && tcp_closing(flow->action, flow->tcp_seen, seen_in_reply))
		return 1;
`,
    replace: '',
    breaks: 'A client that reuses its port soon is taken for the connection that it has closed.',
    tests: [PACKETS],
  },
  {
    name: 'one-fin-closes',
    file: 'bpf/tcp.h',
    find: 'return action != FL_ACTION_SNAT || (seen_in_reply & FL_SEEN_FIN);',
    replace: 'return 1;',
    breaks: 'A flow counts as closed after the client’s FIN, while the backend still sends.',
    tests: [PACKETS],
  },
  {
    name: 'syn-establishes',
    file: 'bpf/tcp.h',
    find: 'return seen & FL_SEEN_OTHER ? cfg->timeout_established : cfg->timeout_syn;',
    replace: 'return cfg->timeout_established;',
    breaks: 'A SYN that nobody answered holds its port for six hours.',
    tests: [PACKETS],
  },
  {
    name: 'replies-do-not-count-as-life',
    file: 'bpf/balance/conntrack.h',
    find: `			seen_in_reply = reverse->tcp_seen;
			if (now - reverse->last_seen < rest)
				rest = now - reverse->last_seen;`,
    replace: '			seen_in_reply = reverse->tcp_seen;',
    breaks: 'A flow in which only the backend sends is taken for ended.',
    tests: [PACKETS],
  },
  {
    name: 'port-of-a-live-flow-taken',
    file: 'bpf/balance/snat.h',
    find: `				if (!FAMILY(reverse_ended)(cfg, found, tuple->protocol, now))
					continue;
`,
    replace: '',
    breaks: 'A new flow takes over the SNAT port of another one that lives: two clients share replies.',
    tests: [PACKETS],
  },
  {
    name: 'reverse-entry-not-put-back',
    file: 'bpf/balance/snat.h',
    find: 'return !bpf_map_update_elem(&MAP_SNAT, &key, &fresh, FL_UPDATE_ABSENT);',
    replace: 'return 1;',
    breaks: 'A flow whose reverse entry the LRU dropped gets no reply any more.',
    tests: [PACKETS],
  },
  {
    name: 'lost-port-still-used',
    file: 'bpf/balance/snat.h',
    find: `	if (!FAMILY(reverse_is_of)(found, tuple))
		return 0;
`,
    replace: '',
    breaks: 'A flow whose port has gone to another flow takes that flow’s replies.',
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
    name: 'maglev-odd-entries-unread',
    file: 'bpf/maglev.h',
    find: '*backend_id = slot & 1 ? found->backend_id[1] : found->backend_id[0];',
    replace: '*backend_id = found->backend_id[0];',
    breaks: 'Half of the Maglev table is never looked at: shares are not those of the weights.',
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
    find: 'if (window->count >= cfg->new_flow_rate)',
    replace: 'if (window->count > cfg->new_flow_rate)',
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
    find: `	FAMILY(next_hop_refresh)(ctx, backend, now);
	if (!(backend->flags & FL_BACKEND_RESOLVED))
		return finish(FL_DROP, FL_REASON_UNRESOLVED, packet->bytes);
`,
    replace: '	FAMILY(next_hop_refresh)(ctx, backend, now);\n',
    breaks: 'A flow is made, and takes a port, for a backend that cannot be reached.',
    tests: [PACKETS],
  },
];
