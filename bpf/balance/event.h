/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whose packet an event tells of: looked up anew for events alone, so that no packet carries it around.
 */

/* Service and backend of the tuple as it came in: of its flow, else of the flow that it is the reply of, else of its service. */
FL_LOCAL int FAMILY(event_owner)(struct fl_event *event)
{
	const struct fl_config *cfg = config_get();
	const struct fl_service *service;
	const slot_t *slot;
	tuple_t tuple = {};
	__u32 index;

	if (!cfg)
		return 0;
	__builtin_memcpy(&tuple.saddr, event->saddr, sizeof(tuple.saddr));
	__builtin_memcpy(&tuple.daddr, event->daddr, sizeof(tuple.daddr));
	tuple.sport = event->sport;
	tuple.dport = event->dport;
	tuple.protocol = event->protocol;
	slot = FAMILY(flow_find)(&tuple, FAMILY(tuple_hash)(&tuple, cfg->slot_seed), &index);
	if (!slot) {
		const reverse_t *reverse;

		index = FAMILY(reverse_index)(cfg, &tuple);
		reverse = bpf_map_lookup_elem(&MAP_SNAT, &index);
		if (reverse && FAMILY(tuple_equal)(&reverse->tuple, &tuple)) {
			index = reverse->flow;
			slot = bpf_map_lookup_elem(&MAP_CT, &index);
		}
	}
	if (slot) {
		event->service_id = slot->flow.service_id;
		event->backend_id = slot->flow.backend_id;
		return 0;
	}
	service = FAMILY(service_find)(&tuple);
	if (service)
		event->service_id = service->id;
	return 0;
}
