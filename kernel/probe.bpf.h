/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The operator's way out where the network translates the kubelet's address: by node address and declared port. */
#ifndef PROBE_BPF_H
#define PROBE_BPF_H

#include "address.bpf.h"
#include "kernel.bpf.h"
#include "sluice.h"

/*
 * Ports that the kubelet probes by the pods' specifications. The agent writes at enrolment and deletes
 * with the namespace; lookup reads, and notes who else dials. Full: enrolment fails.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, struct probe_port_key);
	__type(value, struct probe_port);
} probe_port SEC(".maps");

/* Addresses that the node's probes come from, by the operator's word. The agent writes at start; lookup reads. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct addr);
	__type(value, u8);
} node_addr SEC(".maps");

static __always_inline bool is_probe(u64 netns, u16 port, const struct addr *src)
{
	struct probe_port_key key = { .netns = netns, .port = port };
	struct probe_port *probe = bpf_map_lookup_elem(&probe_port, &key);

	if (!probe)
		return false;
	if (bpf_map_lookup_elem(&node_addr, src)) {
		__sync_fetch_and_add(&probe->passed, 1);
		return true;
	}
	probe->from = *src;
	return false;
}

#endif
