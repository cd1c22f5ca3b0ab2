/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef LISTENERS_BPF_H
#define LISTENERS_BPF_H

#include "kernel.bpf.h"
#include "sluice.h"

/*
 * ztunnel's listening sockets. ztunnel registers them by listening (sockops below its cgroup only),
 * the agent those that listened before and its own in SLOT_PARKED; lookup reads; an element goes
 * when its socket closes. Full: that pod's connections are dropped.
 */
struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, 16384);
	__type(key, struct listener_key);
	__type(value, u64); /* a socket; user space writes a descriptor, reads a cookie */
} listener SEC(".maps");

/*
 * The slot that the latest ztunnel took, by namespace and port; .slot of the key is 0. Written by
 * ztunnel_tcp, read by lookup, deleted by the agent with the namespace. Missing or full: the slots
 * are tried in their order.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096);
	__type(key, struct listener_key);
	__type(value, u32); /* SLOT_ZTUNNEL or SLOT_UPGRADE */
} latest SEC(".maps");

/* One of the two slots of ztunnels: that of the latest, or the given one while none is known. */
static __always_inline u16 latest_slot(u64 netns, u16 port, u16 otherwise)
{
	struct listener_key key = { .netns = netns, .port = port };
	u32 *slot = bpf_map_lookup_elem(&latest, &key);

	return slot ? *slot & 1 : otherwise;
}

#endif
