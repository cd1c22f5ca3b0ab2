/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the agent tells the hooks besides pods: how strict to be, where pods lie, who is who. */
#ifndef SETTINGS_BPF_H
#define SETTINGS_BPF_H

#include "kernel.bpf.h"
#include "sluice.h"

/* After this long without a heartbeat a pod that nobody has judged passes again (default mode). */
const volatile u64 heartbeat_stale_ns = 30ULL * 1000 * 1000 * 1000;

/* The agent writes at start and when a kubepods root appears; every program reads. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct settings);
} settings SEC(".maps");

/*
 * What the hooks may do. Each element has one writer: the agent at start, and the operator, whose word outlives
 * agents. Every hook that refuses, steers or hands over reads both.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MODE_WRITERS);
	__type(key, u32); /* enum mode_writer */
	__type(value, u32); /* enum mode */
} mode SEC(".maps");

/* The agent's last sign of life: it writes each second. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64); /* CLOCK_MONOTONIC ns */
} heartbeat SEC(".maps");

/* The agent writes itself first, and each ztunnel before its first Add; freed when they are gone. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ROLES);
	__type(key, u32);
	__type(value, struct role);
} role SEC(".maps");

static __always_inline struct settings *get_settings(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&settings, &zero);
}

static __always_inline bool enforces(void)
{
	for (u32 i = 0; i < MODE_WRITERS; i++) {
		u32 key = i;
		u32 *said = bpf_map_lookup_elem(&mode, &key);

		if (said && *said != MODE_ENFORCE)
			return false;
	}
	return true;
}

/*
 * Whether UNKNOWN still holds: always in strict mode, else while the agent gives signs of life. One that comes
 * between the two readings is later than this moment.
 */
static __always_inline bool unknown_holds(const struct settings *set)
{
	u32 zero = 0;
	u64 *beat = bpf_map_lookup_elem(&heartbeat, &zero);

	return set->strict || (beat && bpf_ktime_get_ns() < *beat + heartbeat_stale_ns);
}

/* The component whose cgroup, or a cgroup below it, the calling task is in. */
static __always_inline enum role_kind caller_role(void)
{
	for (u32 i = 0; i < ROLES; i++) {
		u32 key = i;
		struct role *entry = bpf_map_lookup_elem(&role, &key);

		if (entry && entry->cgroup &&
		    bpf_get_current_ancestor_cgroup_id(entry->level) == entry->cgroup)
			return entry->kind;
	}
	return ROLE_NONE;
}

#endif
